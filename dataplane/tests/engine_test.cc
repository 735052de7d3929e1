// Timers, pipes and the guard: the engine's parts that need no socket.
#include <doctest/doctest.h>
#include <nghttp2/nghttp2.h>

#include <random>
#include <string>
#include <vector>

#include "engine/guard.h"
#include "engine/pipe.h"
#include "engine/timers.h"

using namespace tidegate;

namespace {

struct Alarm {
  explicit Alarm(std::vector<int>& log, int name) : log(log), name(name) {}
  std::vector<int>& log;
  int name;
  Timer timer{[](void* self) { static_cast<Alarm*>(self)->log.push_back(static_cast<Alarm*>(self)->name); }, this};
};

std::string drain(Pipe& pipe, size_t size) {
  std::string out(size, '\0');
  pipe.read(reinterpret_cast<uint8_t*>(out.data()), size);
  return out;
}

void append(Pipe& pipe, const std::string& text) {
  pipe.append(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

}  // namespace

TEST_CASE("timers fire once, not early, and soon after their time") {
  TimerWheel wheel(kSecond);
  std::vector<int> log;
  Alarm near(log, 1), far(log, 2), cancelled(log, 3);
  wheel.arm(near.timer, kSecond + 10 * kMillisecond);
  wheel.arm(far.timer, 100 * kSecond);  // beyond one turn of the wheel
  wheel.arm(cancelled.timer, kSecond + 10 * kMillisecond);
  cancelled.timer.cancel();
  wheel.advance(kSecond + 9 * kMillisecond);
  CHECK(log.empty());
  wheel.advance(kSecond + 10 * kMillisecond + TimerWheel::kTick);
  CHECK(log == std::vector<int>{1});
  wheel.advance(99 * kSecond);
  CHECK(log.size() == 1);
  wheel.advance(100 * kSecond + TimerWheel::kTick);
  CHECK(log == std::vector<int>{1, 2});
  CHECK_FALSE(far.timer.armed());
}

TEST_CASE("a timer may arm itself, and cancel others, while timers fire") {
  TimerWheel wheel(0);
  struct Ring {
    TimerWheel& wheel;
    int rings = 0;
    Timer other{[](void*) { FAIL("cancelled"); }, nullptr};
    Timer timer{[](void* self) {
                  auto& ring = *static_cast<Ring*>(self);
                  ring.other.cancel();
                  if (++ring.rings < 3) ring.wheel.arm(ring.timer, ring.rings * 100 * kMillisecond);
                },
                this};
  } ring{wheel};
  wheel.arm(ring.timer, kMillisecond);
  wheel.arm(ring.other, kMillisecond);
  for (int i = 1; i <= 100; ++i) wheel.advance(i * 10 * kMillisecond);
  CHECK(ring.rings == 3);
}

TEST_CASE("the wheel knows when to look next") {
  TimerWheel wheel(0);
  CHECK(wheel.next() == kNever);
  std::vector<int> log;
  Alarm alarm(log, 1);
  wheel.arm(alarm.timer, 500 * kMillisecond);
  CHECK(wheel.next() >= 500 * kMillisecond);
  CHECK(wheel.next() <= 500 * kMillisecond + TimerWheel::kTick);
}

TEST_CASE("a pipe gives back what went in, and again after a rewind") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    Pipe pipe;
    const bool keep = round % 2 == 0;
    if (keep) pipe.keep();
    std::string in, out;
    for (int step = 0; step < 20; ++step) {
      std::string piece(random() % 40'000, static_cast<char>('a' + step));
      append(pipe, piece);
      in += piece;
      out += drain(pipe, random() % (pipe.unread() + 1));
      CHECK(pipe.unread() == in.size() - out.size());
      if (keep && step == 10) {
        pipe.rewind();
        out.clear();
      }
      if (keep && step == 15) pipe.forget();
    }
    out += drain(pipe, pipe.unread());
    REQUIRE(out == in);
    CHECK(pipe.held() == 0);
  }
}

TEST_CASE("floods are cut off, what is honest is not") {
  Limits limits;
  Guard guard;
  const auto flood = [&](uint8_t type, int count, Nanos at, size_t length = 8) {
    const char* why = nullptr;
    for (int i = 0; i < count && why == nullptr; ++i) why = guard.frame_received(limits, type, 0, length, at);
    return std::string(why == nullptr ? "" : why);
  };
  CHECK(flood(NGHTTP2_PING, 100, kSecond) == "");
  CHECK(flood(NGHTTP2_PING, 1, kSecond) == "too_many_pings");
  CHECK(flood(NGHTTP2_PING, 100, 3 * kSecond) == "");  // the next second
  CHECK(flood(NGHTTP2_SETTINGS, 101, kSecond * 5) == "too_many_settings");
  CHECK(flood(NGHTTP2_PRIORITY, 2001, kSecond * 7) == "too_many_priorities");
  CHECK(flood(NGHTTP2_DATA, 201, kSecond * 9, 0) == "too_many_empty_data");
  CHECK(flood(NGHTTP2_DATA, 100'000, kSecond * 11, 100) == "");
  CHECK(flood(NGHTTP2_WINDOW_UPDATE, 2001, kSecond * 15) == "too_many_window_updates");
  CHECK(flood(NGHTTP2_HEADERS, 1000, kSecond * 20) == "");
  CHECK(flood(NGHTTP2_WINDOW_UPDATE, 5000, kSecond * 20) == "");  // for the streams that it opens
  guard.frame_received(limits, NGHTTP2_HEADERS, 0, 9, kSecond * 27);
  for (int i = 0; i < 1000; ++i) guard.data_sent();
  CHECK(flood(NGHTTP2_WINDOW_UPDATE, 5000, kSecond * 27) == "");  // it answers what we send
  CHECK(flood(NGHTTP2_PING, 1000, kSecond * 27) == "");
}

TEST_CASE("streams opened to be reset are counted, long ones are not") {
  Limits limits;
  Guard guard;
  const char* why = nullptr;
  for (int i = 0; i < 10'000; ++i) why = guard.stream_reset_by_peer(limits, 19 * kSecond + kSecond / 2, 20 * kSecond);
  CHECK(why == nullptr);
  for (int i = 0; i < 501; ++i) why = guard.stream_reset_by_peer(limits, 30 * kSecond, 30 * kSecond);
  CHECK(std::string(why) == "too_many_resets");
}

TEST_CASE("ping strikes as in gRFC A8") {
  Limits limits;
  Guard guard;
  Nanos now = 100 * kSecond;
  for (int i = 0; i < 10; ++i) CHECK(guard.ping_received(limits, now += 11 * kSecond) == nullptr);
  CHECK(guard.ping_received(limits, now += kSecond) == nullptr);
  CHECK(guard.ping_received(limits, now += kSecond) == nullptr);
  guard.data_sent();  // the pings measured a connection in use
  CHECK(guard.ping_received(limits, now += kSecond) == nullptr);
  CHECK(guard.ping_received(limits, now += kSecond) == nullptr);
  CHECK(std::string(guard.ping_received(limits, now += kSecond)) == "too_many_pings");
}
