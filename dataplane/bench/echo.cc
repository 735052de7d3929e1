// A gRPC backend that costs next to nothing: echoes each request's messages, or answers a fixed one of N bytes.
// `echo --listen H:P … [--reply BYTES] [--delay-ms MS]`: one process may stand for several backends, so that the core which
// carries load and backends switches between programs less often.
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/connection.h"
#include "engine/listener.h"
#include "engine/loop.h"

namespace {

using namespace tidegate;

class EchoServer;

class Echo final : public StreamHandler {
 public:
  explicit Echo(EchoServer& server) : server_(server) {}
  void on_headers(Stream& stream, HeaderList& headers, bool end) override;
  void on_data(Stream& stream, const uint8_t* data, size_t size) override;
  void on_trailers(Stream&, HeaderList&) override {}
  void on_end(Stream& stream) override;
  void on_sent(Stream&, size_t) override {}
  void on_close(Stream& stream, CloseCause, uint32_t) override;

 private:
  void answer();

  EchoServer& server_;
  Pipe body_;
  Stream* stream_ = nullptr;
  Timer delay_{[](void* self) { static_cast<Echo*>(self)->answer(); }, this};
};

class EchoServer final : public ConnectionOwner {
 public:
  EchoServer(const std::vector<std::string>& addresses, long reply, long delay_ms) : delay(delay_ms * kMillisecond) {
    for (const std::string& address : addresses) listen(address);
    limits_.max_streams = 1000;
    limits_.stream_window_bytes = limits_.connection_window_bytes = 16 * 1024 * 1024;
    if (reply >= 0) {
      fixed_.resize(5 + static_cast<size_t>(reply), 'x');
      for (int i = 0; i < 4; ++i) fixed_[1 + i] = static_cast<uint8_t>(reply >> (24 - 8 * i));
      fixed_[0] = 0;
    }
    headers_ = {header_view(":status", "200"), header_view("content-type", "application/grpc")};
    trailers_ = {header_view("grpc-status", "0"), header_view("grpc-message", "")};
  }
  void run() { loop_.run(); }

  StreamHandler& on_stream(Stream&) override {
    if (free_.empty()) return *new Echo(*this);
    Echo* echo = free_.back();
    free_.pop_back();
    return *echo;
  }
  void on_closed(Connection& connection, const char*) override {
    const auto found = connections_.find(&connection);
    loop_.retire(std::move(found->second));
    connections_.erase(found);
  }

  Loop& loop() { return loop_; }

  const Nanos delay;
  std::vector<uint8_t> fixed_;
  HeaderViews headers_, trailers_;
  std::vector<Echo*> free_;

 private:
  void listen(const std::string& address) {
    listeners_.push_back(std::make_unique<Listener>(loop_, listen_on(Address::resolve(address), 1024), [this](Fd fd) {
      auto made = std::make_unique<Connection>(loop_, Connection::Role::server, std::move(fd), limits_, *this);
      Connection* key = made.get();
      connections_.emplace(key, std::move(made));
    }));
  }

  Loop loop_;
  Limits limits_;
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Listener>> listeners_;
};

void Echo::on_headers(Stream& stream, HeaderList&, bool end) {
  stream.set_trailers(&server_.trailers_);
  stream.respond(server_.headers_, &body_);
  if (end) on_end(stream);
}

void Echo::on_data(Stream& stream, const uint8_t* data, size_t size) {
  stream.credit(size);
  if (!server_.fixed_.empty()) return;
  body_.append(data, size);
  stream.resume();
}

void Echo::on_end(Stream& stream) {
  stream_ = &stream;
  if (server_.delay == 0) return answer();
  server_.loop().arm(delay_, server_.loop().now() + server_.delay);
}

void Echo::answer() {
  if (!server_.fixed_.empty()) body_.append(server_.fixed_.data(), server_.fixed_.size());
  body_.end();
  stream_->resume();
}

void Echo::on_close(Stream&, CloseCause, uint32_t) {
  body_.clear();
  delay_.cancel();
  server_.free_.push_back(this);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> addresses;
  long reply = -1, delay_ms = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--listen") {
      addresses.push_back(argv[i + 1]);
    } else if (flag == "--reply") {
      reply = std::atol(argv[i + 1]);
    } else if (flag == "--delay-ms") {
      delay_ms = std::atol(argv[i + 1]);
    } else {
      std::fprintf(stderr, "unknown flag %s\n", argv[i]);
      return 2;
    }
  }
  signal(SIGPIPE, SIG_IGN);
  EchoServer server(addresses, reply, delay_ms);
  server.run();
}
