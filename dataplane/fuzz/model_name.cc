// The model's name must be the same however the bytes are cut.
#include "grpc/model_name.h"

#include <string>

#include "grpc/framing.h"

using namespace tidegate;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const char* const encodings[] = {"", "gzip", "deflate", "br"};
  const char* encoding = encodings[data[0] & 3];
  const size_t piece = 1 + (data[0] >> 2);
  ++data, --size;
  ModelNameReader whole, pieces;
  MessageCounter at_once, in_pieces;
  const auto expected = size == 0 ? ModelNameReader::State::more : whole.feed(data, size, encoding);
  auto state = ModelNameReader::State::more;
  uint32_t begun = 0;
  for (size_t at = 0; at < size; at += piece) {
    const size_t part = std::min(piece, size - at);
    if (state == ModelNameReader::State::more) state = pieces.feed(data + at, part, encoding);
    begun += in_pieces.feed(data + at, part).begun;
  }
  if (state != expected) __builtin_trap();
  if (state == ModelNameReader::State::found && (whole.name() != pieces.name() || !is_utf8(whole.name())))
    __builtin_trap();
  if (at_once.feed(data, size).begun != begun) __builtin_trap();
  return 0;
}
