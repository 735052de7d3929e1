// File descriptors, addresses and the sockets that we listen and connect with.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <utility>

namespace tidegate {

// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// "host:port", "[v6]:port" or "unix:/path", resolved.
struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  // Blocks while a host name is looked up. Throws std::runtime_error that names the address.
  static Address resolve(const std::string& text);
  std::string text() const;
  bool is_tcp() const { return storage.ss_family != AF_UNIX; }
};

// Bound, listening and non-blocking. `shared`: others that say so too may share the address (SO_REUSEPORT). Throws
// std::system_error.
Fd listen_on(const Address& address, int backlog, bool shared = false);
Address local_address(const Fd& fd);
// The next waiting connection, non-blocking; empty when none waits (errno says why).
Fd accept_from(const Fd& listener);
// Begins to connect; writable when it is done. Empty on an error that shows at once.
Fd connect_to(const Address& address);
// 0, or the error that a socket's connect ended with.
int connect_error(const Fd& fd);

}  // namespace tidegate
