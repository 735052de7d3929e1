// Bytes that no honest client sends: each is cut off or bounded, and honest traffic beside it goes on.
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>

#include "proxy/data_plane.h"
#include "tests/peers.h"

using namespace tidegate;
using namespace tidegate::test;

namespace {

const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const std::string kInfer = "/inference.GRPCInferenceService/ModelInfer";

std::string frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  std::string bytes;
  for (int shift = 16; shift >= 0; shift -= 8) bytes += static_cast<char>(payload.size() >> shift & 0xFF);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(stream >> shift & 0xFF);
  return bytes + payload;
}

// Indexed: POST, http; literal without indexing: path, content-type.
std::string head(const std::string& path) {
  std::string block = "\x83\x86";
  block += "\x01\x01x";  // :authority
  block += "\x04" + std::string(1, static_cast<char>(path.size())) + path;
  block += "\x0f\x10\x10" "application/grpc";
  return block;
}

struct Raw {
  explicit Raw(const std::string& address) : fd(connect_to(Address::resolve(address))) {
    pollfd writable{fd.get(), POLLOUT, 0};
    poll(&writable, 1, 5000);
  }
  void send(const std::string& bytes) {
    size_t at = 0;
    while (at < bytes.size()) {
      const ssize_t sent = ::send(fd.get(), bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (sent > 0) {
        at += static_cast<size_t>(sent);
      } else {
        if (errno != EAGAIN) return;
        pollfd writable{fd.get(), POLLOUT, 0};
        if (poll(&writable, 1, 2000) <= 0) return;
      }
    }
  }
  // Reads until the peer closes, or for s seconds; true if it closed.
  bool closed(double s) {
    char buffer[65536];
    for (;;) {
      pollfd readable{fd.get(), POLLIN, 0};
      if (poll(&readable, 1, static_cast<int>(s * 1000)) <= 0) return false;
      const ssize_t got = recv(fd.get(), buffer, sizeof buffer, 0);
      if (got <= 0) return true;
      received.append(buffer, static_cast<size_t>(got));
    }
  }
  // The error code of the last GOAWAY received; -1 without one.
  long goaway() const {
    long code = -1;
    for (size_t at = 0; at + 9 <= received.size();) {
      const auto byte = [&](size_t i) { return static_cast<uint8_t>(received[at + i]); };
      const size_t size = static_cast<size_t>(byte(0)) << 16 | static_cast<size_t>(byte(1)) << 8 | byte(2);
      if (byte(3) == 7 && at + 17 <= received.size()) code = byte(13) << 24 | byte(14) << 16 | byte(15) << 8 | byte(16);
      at += 9 + size;
    }
    return code;
  }
  Fd fd;
  std::string received;
};

struct Plane : DataPlane {
  explicit Plane(const std::string& backend, Limits limits = {}) : DataPlane(options(limits)) {
    PolicySpec policy;
    BackendSpec one;
    one.address = backend;
    one.all_models = true;
    policy.backends.push_back(one);
    policy.routes = {{kInfer, RouteKind::inference}};
    policy.times.first_message_s = 1;
    apply(policy);
    start();
  }
  static DataPlaneOptions options(Limits limits) {
    DataPlaneOptions made;
    made.client_limits = limits;
    return made;
  }
};

std::string times(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("floods are answered by ENHANCE_YOUR_CALM, and others go on") {
  BackendServer backend;
  Plane plane(backend.address());
  Client honest(plane.address());
  Raw raw(plane.address());
  raw.send(kPreface + frame(4, 0, 0, ""));
  std::string flood;
  SUBCASE("PING") { flood = times(frame(6, 0, 0, "12345678"), 2000); }
  SUBCASE("SETTINGS") { flood = times(frame(4, 0, 0, ""), 2000); }
  SUBCASE("PRIORITY") { flood = times(frame(2, 0, 1, std::string(5, '\0')), 5000); }
  SUBCASE("WINDOW_UPDATE") { flood = times(frame(8, 0, 0, std::string("\0\0\0\1", 4)), 20000); }
  SUBCASE("empty DATA") { flood = frame(1, 4, 1, head(kInfer)) + times(frame(0, 0, 1, ""), 2000); }
  SUBCASE("rapid reset") {
    for (uint32_t id = 1; id < 6000; id += 2) flood += frame(1, 4, id, head(kInfer)) + frame(3, 0, id, std::string("\0\0\0\x08", 4));
  }
  SUBCASE("CONTINUATION") { flood = frame(1, 0, 1, head(kInfer)) + times(frame(9, 0, 1, ""), 2000); }
  raw.send(flood);
  CHECK(honest.call(kInfer, request_for("m")).status() == "0");
  CHECK(raw.closed(5));
  CHECK(raw.goaway() == NGHTTP2_ENHANCE_YOUR_CALM);
  CHECK(honest.call(kInfer, request_for("m")).status() == "0");
}

TEST_CASE("what is not HTTP/2, or breaks it, is told so") {
  BackendServer backend;
  Plane plane(backend.address());
  Raw raw(plane.address());
  long expected = NGHTTP2_PROTOCOL_ERROR;
  SUBCASE("HTTP/1") { raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"); }
  SUBCASE("garbage") { raw.send(std::string(100'000, '\x7f')); }
  SUBCASE("DATA on stream 0") { raw.send(kPreface + frame(4, 0, 0, "") + frame(0, 0, 0, "x")); }
  SUBCASE("an even stream") { raw.send(kPreface + frame(4, 0, 0, "") + frame(1, 5, 2, head(kInfer))); }
  SUBCASE("a frame too large") {
    raw.send(kPreface + frame(4, 0, 0, "") + frame(0, 0, 1, std::string(20'000, 'x')));
    expected = NGHTTP2_FRAME_SIZE_ERROR;
  }
  SUBCASE("broken header compression") {
    raw.send(kPreface + frame(4, 0, 0, "") + frame(1, 5, 1, "\xff\xff\xff\xff\xff"));
    expected = NGHTTP2_COMPRESSION_ERROR;
  }
  CHECK(raw.closed(5));
  CHECK(raw.goaway() == expected);
}

TEST_CASE("whoever is too slow is cut off") {
  BackendServer backend;
  Limits limits;
  limits.handshake_s = 0.3;
  limits.headers_s = 0.3;
  limits.idle_s = 0.5;
  Plane plane(backend.address(), limits);
  Raw raw(plane.address());
  SUBCASE("no preface") {}
  SUBCASE("half a preface") { raw.send(kPreface.substr(0, 10)); }
  SUBCASE("half a header block") { raw.send(kPreface + frame(4, 0, 0, "") + frame(1, 0, 1, head(kInfer))); }
  SUBCASE("half a HEADERS frame") { raw.send(kPreface + frame(4, 0, 0, "") + frame(1, 4, 1, head(kInfer)).substr(0, 20)); }
  SUBCASE("no request") { raw.send(kPreface + frame(4, 0, 0, "")); }
  CHECK(raw.closed(4));
}

TEST_CASE("a request without its message ends; huge headers are refused") {
  BackendServer backend;
  Plane plane(backend.address());
  Client client(plane.address());
  auto silent = client.begin(kInfer);
  CHECK(silent->wait(5).status() == "4");
  const Received huge = client.call(kInfer, request_for("m"), {{"x-huge", std::string(20'000, 'h')}});
  CHECK(huge.cause == CloseCause::reset);
  CHECK(huge.error_code == NGHTTP2_ENHANCE_YOUR_CALM);
  CHECK(client.call(kInfer, request_for("m")).status() == "0");
  CHECK(plane.stats()[0].bytes_in_flight == 0);
}
