// Clients and backends for tests, on the engine itself: each has a thread and a loop of its own.
#pragma once

#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/connection.h"
#include "engine/listener.h"
#include "engine/loop.h"

namespace tidegate::test {

using Metadata = std::vector<std::pair<std::string, std::string>>;

// A gRPC message: prefix and bytes.
std::string framed(const std::string& message);
// The smallest request for a model: string field 1.
std::string request_for(const std::string& model, size_t padding = 0);
std::string find(const Metadata& metadata, const std::string& name);

// Runs a loop in a thread.
class LoopThread {
 public:
  LoopThread() : thread_([this] { loop.run(); }) {}
  ~LoopThread() { finish(); }
  void finish() {
    if (!thread_.joinable()) return;
    loop.stop();
    thread_.join();
  }
  void run(const std::function<void()>& task);
  Loop loop;

 private:
  std::thread thread_;
};

struct Received {
  Metadata headers;
  std::string body;
  Metadata trailers;
  bool ended = false;
  bool closed = false;
  CloseCause cause = CloseCause::finished;
  uint32_t error_code = 0;
  std::string status() const { return find(trailers.empty() ? headers : trailers, "grpc-status"); }
};

// How a backend answers one request.
struct Behaviour {
  enum class Kind { echo, status, early_status, reset, hang, drop_connection, half_answer, goaway, echo_messages } kind = Kind::echo;
  std::string status = "0";
  uint32_t error_code = NGHTTP2_REFUSED_STREAM;
  Metadata trailers;
  std::string body;  // of `echo` when not empty: this instead
};

class BackendServer final : public ConnectionOwner {
 public:
  explicit BackendServer(Behaviour behaviour = {}, const std::string& listen = "127.0.0.1:0");
  ~BackendServer();
  const std::string& address() const { return address_; }
  void behave(Behaviour behaviour);
  // Requests whose headers came, by now.
  std::vector<Received> requests();
  size_t count();
  size_t cancelled();
  // Begins an orderly end of all connections; new ones are accepted.
  void go_away();
  // Ends all connections and stops listening.
  void die();

  StreamHandler& on_stream(Stream& stream) override;
  void on_closed(Connection& connection, const char* why) override;

 private:
  friend class BackendStream;
  LoopThread thread_;
  Limits limits_;
  std::unique_ptr<Listener> listener_;
  std::map<Connection*, std::unique_ptr<Connection>> connections_;
  std::string address_;
  std::mutex mutex_;
  Behaviour behaviour_;
  std::vector<Received> requests_;
  size_t cancelled_ = 0;
};

// Accepts connections and says its SETTINGS, and nothing ever after: what a peer that hangs looks like.
class SilentServer {
 public:
  SilentServer();
  ~SilentServer();
  const std::string& address() const { return address_; }

 private:
  LoopThread thread_;
  std::unique_ptr<Listener> listener_;
  std::vector<Fd> accepted_;
  std::string address_;
};

// A call in progress. All methods are for the test's thread.
class Call final : public StreamHandler {
 public:
  void send(const std::string& bytes);
  void end();
  void cancel();
  // Reads nothing more: credit is withheld.
  bool reading = true;
  Received wait(double s = 10);
  bool wait_for(const std::function<bool(const Received&)>& condition, double s = 10);
  Received now();

  void on_headers(Stream& stream, HeaderList& headers, bool end) override;
  void on_data(Stream& stream, const uint8_t* data, size_t size) override;
  void on_trailers(Stream& stream, HeaderList& trailers) override;
  void on_end(Stream& stream) override;
  void on_sent(Stream&, size_t) override {}
  void on_close(Stream& stream, CloseCause cause, uint32_t error_code) override;

 private:
  friend class Client;
  LoopThread* thread_ = nullptr;
  Stream* stream_ = nullptr;
  Pipe body_;
  Metadata request_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Received received_;
};

class Client final : public ConnectionOwner {
 public:
  explicit Client(const std::string& address, Limits limits = {});
  ~Client();
  std::shared_ptr<Call> begin(const std::string& path, Metadata metadata = {}, bool reading = true);
  Received call(const std::string& path, const std::string& body, Metadata metadata = {});
  bool connected();
  StreamHandler& on_stream(Stream&) override { std::abort(); }
  void on_closed(Connection& connection, const char* why) override;

 private:
  LoopThread thread_;
  Limits limits_;
  std::unique_ptr<Connection> connection_;
  std::vector<std::shared_ptr<Call>> calls_;
};

// Waits until it is true; false after `s` seconds.
bool eventually(const std::function<bool()>& condition, double s = 10);

}  // namespace tidegate::test
