// gRPC's framing, the model's name, deadlines, statuses and load reports.
#include <doctest/doctest.h>
#include <zlib.h>

#include <cmath>
#include <random>
#include <string>

#include "grpc/framing.h"
#include "grpc/model_name.h"
#include "grpc/protocol.h"
#include "tests/peers.h"

using namespace tidegate;
using tidegate::test::framed;
using State = ModelNameReader::State;

namespace {

const uint8_t* bytes(const std::string& text) { return reinterpret_cast<const uint8_t*>(text.data()); }

State read_name(const std::string& stream, size_t piece, std::string& name, std::string_view encoding = "") {
  ModelNameReader reader;
  State state = State::more;
  for (size_t at = 0; at < stream.size() && state == State::more; at += piece)
    state = reader.feed(bytes(stream) + at, std::min(piece, stream.size() - at), encoding);
  name = reader.name();
  return state;
}

std::string compress(const std::string& text, bool gzip) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, gzip ? 31 : 15, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = const_cast<uint8_t*>(bytes(text));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<uint8_t*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

TEST_CASE("messages are counted wherever the stream is cut") {
  const std::string stream = framed("") + framed("\x0a error") + framed(std::string(1000, 'b')) + framed("c");
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    MessageCounter counter(0x0a);
    MessageCounter::Seen sum;
    for (size_t at = 0; at < stream.size(); at += piece) {
      const auto seen = counter.feed(bytes(stream) + at, std::min(piece, stream.size() - at));
      sum.begun += seen.begun;
      sum.finished += seen.finished;
      sum.marked += seen.marked;
    }
    REQUIRE(sum.begun == 4);
    REQUIRE(sum.finished == 4);
    REQUIRE(sum.marked == 1);
  }
}

TEST_CASE("the model's name is found wherever the stream is cut, whatever stands before it") {
  const std::string messages[] = {
      std::string("\x0a\x05model"),
      std::string("\x0a\x05model\x12\x01" "1"),
      std::string("\x12\x01" "1\x18\x96\x01\x25\x01\x02\x03\x04\x29") + std::string(8, 'x') + "\x0a\x05model",
      std::string("\x3a\x80\x08") + std::string(1024, 'y') + "\x0a\x05model",
  };
  std::string name;
  for (const std::string& message : messages)
    for (size_t piece = 1; piece <= message.size() + 5; ++piece) {
      REQUIRE(read_name(framed(message), piece, name) == State::found);
      REQUIRE(name == "model");
      for (bool gzip : {true, false}) {
        std::string packed = framed(compress(message, gzip));
        packed[0] = 1;
        REQUIRE(read_name(packed, piece, name, gzip ? "gzip" : "deflate") == State::found);
        REQUIRE(name == "model");
      }
    }
}

TEST_CASE("what is no request is told apart") {
  std::string name;
  CHECK(read_name(framed(""), 100, name) == State::absent);
  CHECK(read_name(framed("\x12\x01" "1"), 100, name) == State::absent);
  CHECK(read_name(framed(std::string("\x0a\0", 2)), 100, name) == State::absent);
  CHECK(read_name(framed("\x0f"), 100, name) == State::malformed);
  CHECK(read_name(framed("\x0a\x02\xff\xff"), 100, name) == State::malformed);
  CHECK(read_name(framed(std::string(11, '\xff')), 100, name) == State::malformed);
  CHECK(read_name("\x02" + framed("x").substr(1), 100, name) == State::malformed);
  CHECK(read_name("\x01" + framed("not gzip").substr(1), 100, name, "gzip") == State::malformed);
  CHECK(read_name("\x01" + framed("x").substr(1), 100, name, "snappy") == State::unsupported);
  CHECK(read_name(framed("\x3a\x80\x80\x40" + std::string(1 << 20, 'y') + "\x0a\x01m"), 16384, name) == State::too_far);
  CHECK(read_name(framed("\x0a\x05mo"), 100, name) == State::absent);  // cut off by the message's end
}

TEST_CASE("UTF-8") {
  CHECK(is_utf8("digits-onnx"));
  CHECK(is_utf8("modèle \xF0\x9F\x8C\x8A"));
  for (const char* bad : {"\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "\xE2\x82"}) CHECK_FALSE(is_utf8(bad));
}

TEST_CASE("deadlines are read and written") {
  CHECK(parse_timeout("1H") == 3600 * kSecond);
  CHECK(parse_timeout("250m") == 250 * kMillisecond);
  CHECK(parse_timeout("99999999n") == 99999999);
  CHECK(parse_timeout("99999999H") > 0);
  for (const char* bad : {"", "5", "S", "123456789S", "-1S", "1.5S", "5s", "5 S"}) CHECK(parse_timeout(bad) == -1);
  std::mt19937_64 random(3);
  for (int i = 0; i < 20'000; ++i) {
    const auto left = static_cast<Nanos>(random() % (uint64_t{1} << (random() % 60)));
    char text[12];
    const size_t size = format_timeout(left, text);
    REQUIRE(size <= 9);
    const Nanos again = parse_timeout({text, size});
    REQUIRE(again >= left);                                      // no hop takes time away
    REQUIRE(again - left <= std::max<Nanos>(1000, left / 1000));  // nor gives much
  }
}

TEST_CASE("statuses and their words") {
  CHECK(parse_status("0") == Status::ok);
  CHECK(parse_status("14") == Status::unavailable);
  for (const char* bad : {"", "x", "1x", "100"}) CHECK(parse_status(bad) == Status::none);
  CHECK(percent_encode("100% na\xC3\xAFve\n") == "100%25 na%C3%AFve%0A");
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  CHECK(percent_decode(percent_encode(all)) == all);
  CHECK(percent_decode("50%") == "50%");
}

TEST_CASE("load reports") {
  CHECK(decode_base64("AAE=") == std::string("\0\1", 2));
  CHECK(decode_base64("AAE") == std::string("\0\1", 2));
  CHECK(decode_base64("A") == "");
  CHECK(decode_base64("A!==") == "");
  LoadReport report;
  REQUIRE(parse_load_report(decode_base64("Ig8KBHJvd3MRAAAAAAAACEBJAAAAAAAA4D8"), report));
  CHECK(report.rows == 3);
  CHECK(report.utilization == 0.5);
  CHECK(std::isnan(report.capacity_rows_per_s));
  REQUIRE(parse_load_report("", report));
  CHECK(report.utilization == 0);
  CHECK_FALSE(parse_load_report("\x22\x7f", report));
  CHECK_FALSE(parse_load_report("\x0b", report));
}

TEST_CASE("headers that gRPC parses and may refuse are told apart") {
  for (const char* name : {"grpc-previous-rpc-attempts", "grpc-retry-pushback-ms", "grpc-trace-bin", "x-bin", "-bin"})
    CHECK(may_be_malformed(name, "1"));
  for (const char* name : {"grpc-timeout", "grpc-accept-encoding", "grpc-status", "grpc-message", "te", "bin", "x", ""})
    CHECK_FALSE(may_be_malformed(name, "1"));
  CHECK(may_be_malformed("grpc-encoding", "snappy"));
  CHECK_FALSE(may_be_malformed("grpc-encoding", "gzip"));
}
