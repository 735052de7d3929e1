// Finds the model's name, string field 1 of a request's first message, while the message is still coming in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tidegate {

// Reads one top-level string field from protobuf bytes that come in pieces, without decoding the message.
// https://protobuf.dev/programming-guides/encoding/
// Example: 0a 03 61 62 63 is field 1 (0a = 1 << 3 | 2), 3 bytes long, "abc".
class StringFieldReader {
 public:
  enum class State : uint8_t { more, found, malformed, too_long };
  static constexpr size_t kLongest = 1024;  // bytes of the string

  explicit StringFieldReader(uint32_t field) : field_(field) {}
  State feed(const uint8_t* data, size_t size);
  const std::string& value() const { return value_; }
  void reset();

 private:
  enum class Step : uint8_t { tag, varint, length, skip, text };
  State number(uint8_t byte);
  State after_number();

  uint32_t field_;
  Step step_ = Step::tag;
  uint8_t shift_ = 0;
  bool wanted_ = false;
  uint64_t number_ = 0;
  uint64_t left_ = 0;
  std::string value_;
};

class ModelNameReader {
 public:
  enum class State : uint8_t {
    more,
    found,
    absent,       // the message ended without it
    malformed,    // not protobuf, not UTF-8, or not what its encoding says
    too_far,      // not within the first kSearchBytes
    no_encoding,  // compressed, but no encoding was named
    unsupported,  // compressed in a way that we can't read
  };
  static constexpr size_t kSearchBytes = 64 * 1024;

  ModelNameReader();
  ~ModelNameReader();
  ModelNameReader(ModelNameReader&&) noexcept;
  ModelNameReader& operator=(ModelNameReader&&) noexcept;

  // `encoding`: the request's grpc-encoding, which says how a compressed message is to be read. Call until it no longer
  // answers `more`; an end of the stream before that means `absent`.
  State feed(const uint8_t* data, size_t size, std::string_view encoding);
  const std::string& name() const { return name_; }
  // Ready for another message.
  void reset();

 private:
  class Inflater;

  State payload(const uint8_t* data, size_t size);
  State fields(const uint8_t* data, size_t size);
  State inflate(const uint8_t* data, size_t size);

  uint8_t prefix_[5];
  uint8_t prefix_size_ = 0;
  bool compressed_ = false;
  uint32_t left_ = 0;
  size_t searched_ = 0;
  StringFieldReader field_{1};
  std::unique_ptr<Inflater> inflater_;
  std::string name_;
};

// Whether the bytes are UTF-8, as protobuf demands of strings.
bool is_utf8(std::string_view text);

}  // namespace tidegate
