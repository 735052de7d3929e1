// A backend as one worker sees it: its connections there, and what they counted.
#pragma once

#include <memory>
#include <vector>

#include "engine/connection.h"
#include "proxy/policy.h"
#include "proxy/stats.h"

namespace tidegate {

class Worker;

class Upstream final : public ConnectionOwner {
 public:
  Upstream(Worker& worker, std::shared_ptr<Backend> backend);
  ~Upstream();

  // Opens a stream, on a new connection if those there are full. Null when there is no connection and one was refused
  // a moment ago.
  Stream* open(const HeaderViews& headers, Pipe* body, StreamHandler& handler);
  // No longer in the policy: connections end with their last stream.
  void retire();
  // Nothing refers to it any more.
  bool gone() const { return retired_ && connections_.empty(); }
  void close_all();

  Backend& backend() { return *backend_; }
  BackendStats& stats() { return stats_; }

  StreamHandler& on_stream(Stream& stream) override;
  void on_ready(Connection& connection) override;
  void on_going_away(Connection& connection) override;
  void on_closed(Connection& connection, const char* why) override;

 private:
  Connection* with_room();
  Connection* connect();

  Worker& worker_;
  std::shared_ptr<Backend> backend_;
  std::vector<std::unique_ptr<Connection>> connections_;
  BackendStats stats_;
  Nanos connect_again_at_ = 0;
  Nanos back_off_ = 0;
  bool retired_ = false;
};

}  // namespace tidegate
