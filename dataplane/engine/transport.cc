#include "engine/transport.h"

#include <cerrno>
#include <cstring>

namespace tidegate {

Transport::State Transport::connect() {
  error_ = connect_error(fd_);
  return error_ == 0 ? State::done : State::failed;
}

Transport::Read Transport::read(uint8_t* to, size_t size) {
  ssize_t got;
  do got = recv(fd_.get(), to, size, 0);
  while (got < 0 && errno == EINTR);
  if (got >= 0) return {State::done, static_cast<size_t>(got)};
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {State::blocked, 0};
  error_ = errno;
  return {State::failed, 0};
}

ssize_t Transport::send_some(const uint8_t* data, size_t size) {
  ssize_t sent;
  do sent = send(fd_.get(), data, size, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent >= 0) return sent;
  if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
  error_ = errno;
  return -1;
}

Transport::State Transport::write(const uint8_t* data, size_t size) {
  const ssize_t sent = send_some(data, size);
  if (sent < 0) return State::failed;
  if (static_cast<size_t>(sent) == size) return State::done;
  pending_.assign(data + sent, data + size);
  pending_at_ = 0;
  return State::blocked;
}

Transport::State Transport::write_pending() {
  if (pending_.empty()) return State::done;
  while (pending_at_ < pending_.size()) {
    const ssize_t sent = send_some(pending_.data() + pending_at_, pending_.size() - pending_at_);
    if (sent < 0) return State::failed;
    if (sent == 0) return State::blocked;
    pending_at_ += static_cast<size_t>(sent);
  }
  pending_at_ = 0;
  std::vector<uint8_t>().swap(pending_);  // a connection without arrears keeps no buffer
  return State::done;
}

void Transport::end_writing() { ::shutdown(fd_.get(), SHUT_WR); }

const char* Transport::error() const { return std::strerror(error_); }

}  // namespace tidegate
