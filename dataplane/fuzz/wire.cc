// Any bytes on a client's connection, with a backend behind the proxy: parser, guard, exchanges, all in one thread.
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <string>

#include "proxy/worker.h"

namespace {

using namespace tidegate;

// Echoes on the worker's own loop.
class Backend final : public ConnectionOwner {
 public:
  Backend(Loop& loop, const std::string& address)
      : loop_(loop), listener_(loop, listen_on(Address::resolve(address), 16), [this](Fd fd) {
          auto made = std::make_unique<Connection>(loop_, Connection::Role::server, std::move(fd), limits_, *this);
          Connection* key = made.get();
          connections_.emplace(key, std::move(made));
        }) {
    limits_.errors_per_s = limits_.fast_resets_per_s = limits_.window_updates_per_s = limits_.empty_data_per_s = 1u << 30;
  }
  StreamHandler& on_stream(Stream&) override { return *new Echo; }
  void on_closed(Connection& connection, const char*) override {
    const auto found = connections_.find(&connection);
    loop_.retire(std::move(found->second));
    connections_.erase(found);
  }

 private:
  struct Echo final : StreamHandler {
    Pipe body;
    HeaderViews trailers{header_view("grpc-status", "0")};
    void on_headers(Stream& stream, HeaderList&, bool end) override {
      stream.set_trailers(&trailers);
      stream.respond({header_view(":status", "200"), header_view("content-type", "application/grpc")}, &body);
      if (end) on_end(stream);
    }
    void on_data(Stream& stream, const uint8_t* data, size_t size) override {
      stream.credit(size);
      body.append(data, size);
      stream.resume();
    }
    void on_trailers(Stream&, HeaderList&) override {}
    void on_end(Stream& stream) override {
      body.end();
      stream.resume();
    }
    void on_sent(Stream&, size_t) override {}
    void on_close(Stream&, CloseCause, uint32_t) override { delete this; }
  };

  Loop& loop_;
  Limits limits_;
  std::map<Connection*, std::unique_ptr<Connection>> connections_;
  Listener listener_;
};

struct World {
  World()
      : address("unix:/tmp/tidegate-fuzz-" + std::to_string(getpid())),
        outliers(shared.board, [](Slot, Health, const char*) {}),
        worker((shared.outliers = &outliers, shared.report = [](Event) {}, shared), 1),
        backend((unlink(address.c_str() + 5), worker.loop()), address) {
    auto policy = std::make_shared<Policy>();
    auto one = std::make_shared<tidegate::Backend>(address, shared.board);
    policy->backends = {one};
    policy->local = std::make_shared<tidegate::Backend>(address, shared.board);
    policy->any_model.candidates = Candidates({one->slot});
    outliers.ready(one->health, 1, 0, 0);
    policy->routes = Routes({{"/i/M", RouteKind::inference}, {"/i/S", RouteKind::inference_stream}, {"/l/", RouteKind::local}});
    worker.follow(policy);
  }
  void turns(int count) {
    for (int i = 0; i < count; ++i) worker.loop().turn(false);
  }
  const std::string address;
  Shared shared;
  Outliers outliers;
  Worker worker;
  ::Backend backend;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static World& world = *new World;
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) return 0;
  world.worker.accept(Fd(pair[0]));
  Fd client(pair[1]);
  static const std::string kHello("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
  // An odd first byte: the bytes follow a proper preface, so that the fuzzer need not find it.
  if (size > 0 && data[0] & 1) [[maybe_unused]] auto sent = write(client.get(), kHello.data(), kHello.size());
  if (size > 1) [[maybe_unused]] auto sent = write(client.get(), data + 1, size - 1);
  world.turns(6);
  char sink[65536];
  while (read(client.get(), sink, sizeof sink) > 0) {
  }
  client.reset();
  world.turns(3);
  if (world.worker.clients() != 0) world.turns(20);
  if (world.worker.clients() != 0) __builtin_trap();  // a connection that its client closed must go
  if (world.worker.counts().bytes_in_flight != 0) __builtin_trap();
  return 0;
}
