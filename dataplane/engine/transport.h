// The byte stream under one HTTP/2 connection. All that a connection knows of its socket stands here, so that TLS can sit
// in this place: its handshake is `connect`, its records are read() and write().
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/socket.h"

namespace tidegate {

class Transport {
 public:
  enum class State : uint8_t {
    done,     // all of it
    blocked,  // the rest later, when epoll says so
    failed,   // the connection is broken: error()
  };
  struct Read {
    State state;
    size_t size;  // of `done`; 0: the peer will send nothing more
  };

  explicit Transport(Fd fd) : fd_(std::move(fd)) {}

  explicit operator bool() const { return static_cast<bool>(fd_); }
  int fd() const { return fd_.get(); }
  // How the connect that was begun has ended.
  State connect();
  Read read(uint8_t* to, size_t size);
  // Only when nothing is pending. What the socket does not take now waits here (`blocked`).
  State write(const uint8_t* data, size_t size);
  // Hands on what waits.
  State write_pending();
  // Bytes that wait.
  size_t pending() const { return pending_.size() - pending_at_; }
  // Says to the peer that nothing more will be sent.
  void end_writing();
  void close() { fd_.reset(); }
  // Why the last operation failed, for people.
  const char* error() const;

 private:
  // Bytes taken, 0 when none can be now; -1: failed.
  ssize_t send_some(const uint8_t* data, size_t size);

  Fd fd_;
  int error_ = 0;
  std::vector<uint8_t> pending_;
  size_t pending_at_ = 0;
};

}  // namespace tidegate
