#include "engine/listener.h"

#include <cerrno>

namespace tidegate {

Listener::Listener(Loop& loop, Fd fd, Accepted accepted)
    : loop_(loop),
      fd_(std::move(fd)),
      accepted_(std::move(accepted)),
      retry_([](void* self) { static_cast<Listener*>(self)->on_io(EPOLLIN); }, this) {
  loop_.watch(fd_.get(), *this, EPOLLIN | EPOLLET);
}

Listener::~Listener() {
  loop_.unwatch(fd_.get());
  loop_.forget(*this);
}

void Listener::on_io(uint32_t) {
  for (int accepted = 0; accepted < 64; ++accepted) {
    Fd fd = accept_from(fd_);
    if (fd) {
      accepted_(std::move(fd));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      return loop_.arm(retry_, loop_.now() + 100 * kMillisecond);  // descriptors ran out: look again when some ended
    }
  }
  loop_.again(*this);
}

}  // namespace tidegate
