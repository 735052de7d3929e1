// A worker of the data plane with one backend, all in the harness's thread.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "proxy/worker.h"

namespace tidegate::fuzz {

inline const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline const std::string kSettings("\0\0\0\4\0\0\0\0\0", 9);

inline void send(const Fd& to, const void* data, size_t size) {
  [[maybe_unused]] auto sent = ::send(to.get(), data, size, MSG_NOSIGNAL);
}
inline void send(const Fd& to, const std::string& bytes) {
  send(to, bytes.data(), bytes.size());
}
// Reads what is there and forgets it.
inline void drop(const Fd& from) {
  char sink[65536];
  while (from && read(from.get(), sink, sizeof sink) > 0) {
  }
}

class World {
 public:
  World() : outliers_(shared_.board, [](Slot, Health, const char*) {}), worker_((share(), shared_), 1) {
    unlink(address.c_str() + 5);
    renew();
  }

  // A backend that nothing is known of, and new connections to it.
  void renew() {
    if (backend_) outliers_.not_ready(backend_->health);
    auto policy = std::make_shared<Policy>();
    backend_ = std::make_shared<tidegate::Backend>(address, shared_.board);
    policy->backends = {backend_};
    policy->local = std::make_shared<tidegate::Backend>(address, shared_.board);
    policy->any_model.candidates = Candidates({backend_->slot});
    policy->any_model.known = true;
    policy->routes =
        Routes({{"/i/M", RouteKind::inference}, {"/i/S", RouteKind::inference_stream}, {"/l/", RouteKind::local}});
    outliers_.ready(backend_->health, 1, 0, 0);
    worker_.follow(policy);
  }

  Loop& loop() { return worker_.loop(); }
  Fd connect_client() {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) __builtin_trap();
    worker_.accept(Fd(pair[0]));
    return Fd(pair[1]);
  }
  void turns(int count) {
    for (int i = 0; i < count; ++i) loop().turn(false);
  }
  // The client has closed its connection: whatever came, nothing of it may be left.
  void expect_nothing_left() {
    for (int tries = 0; tries < 20 && worker_.clients() != 0; ++tries) turns(1);
    turns(1);
    if (worker_.clients() != 0) __builtin_trap();
    if (worker_.counts().bytes_in_flight != 0) __builtin_trap();
    if (shared_.board.outstanding(backend_->slot) != 0) __builtin_trap();
    if (shared_.held.requests != 0 || shared_.held.bytes != 0) __builtin_trap();
  }

  const std::string address = "unix:/tmp/tidegate-fuzz-" + std::to_string(getpid());

 private:
  void share() {
    shared_.outliers = &outliers_;
    shared_.report = [](Event) {};
    shared_.retries.configure(1e9, 0.1);
  }

  Shared shared_;
  Outliers outliers_;
  Worker worker_;
  std::shared_ptr<tidegate::Backend> backend_;
};

}  // namespace tidegate::fuzz
