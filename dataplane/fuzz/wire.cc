// Any bytes on a client's connection, with a backend behind the proxy: parser, guard, exchanges, all in one thread.
#include <algorithm>
#include <map>

#include "fuzz/world.h"

namespace {

using namespace tidegate;
using namespace tidegate::fuzz;

// Echoes on the worker's own loop.
class Backend final : public ConnectionOwner {
 public:
  Backend(Loop& loop, const std::string& address)
      : loop_(loop), listener_(loop, listen_on(Address::resolve(address), 16), [this](Fd fd) {
          auto made = std::make_unique<Connection>(loop_, Connection::Role::server, std::move(fd), limits_, *this);
          Connection* key = made.get();
          connections_.emplace(key, std::move(made));
        }) {
    limits_.errors_per_s = limits_.fast_resets_per_s = limits_.window_updates_per_s = limits_.empty_data_per_s = 1u
                                                                                                                 << 30;
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static World& world = *new World;
  static auto& backend [[maybe_unused]] = *new ::Backend(world.loop(), world.address);
  Fd client = world.connect_client();
  // The first byte, odd: the bytes follow a proper preface, so that the fuzzer need not find it. The rest of it: they
  // come in two pieces, with time between.
  const bool greeted = data[0] & 1;
  const size_t cut = std::min<size_t>(size - 1, (data[0] >> 1) * 4);
  if (greeted) send(client, kPreface + kSettings);
  if (cut > 0) {
    send(client, data + 1, cut);
    world.turns(3);
  }
  send(client, data + 1 + cut, size - 1 - cut);
  world.turns(6);
  drop(client);
  client.reset();
  world.expect_nothing_left();
  return 0;
}
