#include "grpc/model_name.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

namespace tidegate {

bool is_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const uint8_t*>(text.data());
  const uint8_t* const end = at + text.size();
  while (at < end) {
    if (*at < 0x80) {
      ++at;
      continue;
    }
    const int more = (*at & 0xE0) == 0xC0 ? 1 : (*at & 0xF0) == 0xE0 ? 2 : (*at & 0xF8) == 0xF0 ? 3 : 0;
    if (more == 0 || end - at <= more) return false;
    uint32_t code = *at & (0x3F >> more);
    for (int i = 1; i <= more; ++i) {
      if ((at[i] & 0xC0) != 0x80) return false;
      code = code << 6 | (at[i] & 0x3F);
    }
    static constexpr uint32_t kSmallest[] = {0, 0x80, 0x800, 0x10000};
    if (code < kSmallest[more] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
    at += more + 1;
  }
  return true;
}

void StringFieldReader::reset() {
  step_ = Step::tag;
  shift_ = 0;
  wanted_ = false;
  number_ = left_ = 0;
  value_.clear();
}

StringFieldReader::State StringFieldReader::number(uint8_t byte) {
  if (shift_ >= 64) return State::malformed;
  number_ |= static_cast<uint64_t>(byte & 0x7F) << shift_;
  shift_ = static_cast<uint8_t>(shift_ + 7);
  return byte < 0x80 ? after_number() : State::more;
}

StringFieldReader::State StringFieldReader::after_number() {
  const uint64_t value = number_;
  number_ = 0;
  shift_ = 0;
  if (step_ == Step::varint) {
    step_ = Step::tag;
  } else if (step_ == Step::length) {
    left_ = value;
    step_ = wanted_ ? Step::text : left_ > 0 ? Step::skip : Step::tag;
    if (wanted_ && left_ > kLongest) return State::too_long;
    if (wanted_ && left_ == 0) return State::found;
  } else {
    const uint64_t field = value >> 3;
    if (field == 0) return State::malformed;
    wanted_ = false;
    switch (value & 7) {
      case 0:
        step_ = Step::varint;
        break;
      case 1:
      case 5:
        left_ = (value & 7) == 1 ? 8 : 4;
        step_ = Step::skip;
        break;
      case 2:
        wanted_ = field == field_;
        step_ = Step::length;
        break;
      default:
        return State::malformed;
    }
  }
  return State::more;
}

StringFieldReader::State StringFieldReader::feed(const uint8_t* data, size_t size) {
  while (size > 0) {
    if (step_ == Step::skip || step_ == Step::text) {
      const auto part = static_cast<size_t>(std::min<uint64_t>(left_, size));
      if (step_ == Step::text) value_.append(reinterpret_cast<const char*>(data), part);
      left_ -= part;
      data += part;
      size -= part;
      if (left_ > 0) return State::more;
      if (step_ == Step::text) return State::found;
      step_ = Step::tag;
      continue;
    }
    --size;
    const State state = number(*data++);
    if (state != State::more) return state;
  }
  return State::more;
}

// A streaming reader of gzip or zlib data; the request is never inflated further than to its model's name.
class ModelNameReader::Inflater {
 public:
  explicit Inflater(bool gzip) { ok_ = inflateInit2(&stream_, gzip ? 15 + 16 : 15) == Z_OK; }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }

  void input(const uint8_t* data, size_t size) {
    stream_.next_in = const_cast<uint8_t*>(data);
    stream_.avail_in = static_cast<uInt>(size);
  }
  // Bytes made, at most `room`; negative when the data is broken.
  int output(uint8_t* to, size_t room) {
    if (!ok_) return -1;
    stream_.next_out = to;
    stream_.avail_out = static_cast<uInt>(room);
    const int result = ::inflate(&stream_, Z_SYNC_FLUSH);
    // What was made before the data turned out to be broken counts, as it would had it come in smaller pieces.
    ok_ = result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR;
    const int made = static_cast<int>(room - stream_.avail_out);
    return made > 0 || ok_ ? made : -1;
  }

 private:
  z_stream stream_{};
  bool ok_;
};

ModelNameReader::ModelNameReader() = default;
ModelNameReader::~ModelNameReader() = default;
ModelNameReader::ModelNameReader(ModelNameReader&&) noexcept = default;
ModelNameReader& ModelNameReader::operator=(ModelNameReader&&) noexcept = default;

void ModelNameReader::reset() {
  prefix_size_ = 0;
  compressed_ = false;
  left_ = 0;
  searched_ = 0;
  field_.reset();
  inflater_.reset();
  name_.clear();
}

ModelNameReader::State ModelNameReader::feed(const uint8_t* data, size_t size, std::string_view encoding) {
  // By far the most common: field 1 first, short, and all of it here.
  if (prefix_size_ == 0 && size >= 7 && data[0] == 0 && data[5] == 0x0a && data[6] < 0x80 && size >= 7u + data[6] &&
      data[6] > 0 && (data[1] | data[2] | data[3] || data[4] >= data[6] + 2)) {
    name_.assign(reinterpret_cast<const char*>(data) + 7, data[6]);
    prefix_size_ = 5;
    return is_utf8(name_) ? State::found : State::malformed;
  }
  while (prefix_size_ < 5) {
    if (size == 0) return State::more;
    prefix_[prefix_size_++] = *data++;
    --size;
    if (prefix_size_ < 5) continue;
    compressed_ = prefix_[0] == 1;
    left_ = static_cast<uint32_t>(prefix_[1]) << 24 | static_cast<uint32_t>(prefix_[2]) << 16 | prefix_[3] << 8 | prefix_[4];
    if (prefix_[0] > 1) return State::malformed;
    if (left_ == 0) return State::absent;
    if (compressed_ && (encoding.empty() || encoding == "identity")) return State::no_encoding;
    if (compressed_ && encoding != "gzip" && encoding != "deflate") return State::unsupported;
    if (compressed_) inflater_ = std::make_unique<Inflater>(encoding == "gzip");
  }
  return payload(data, size);
}

ModelNameReader::State ModelNameReader::payload(const uint8_t* data, size_t size) {
  const auto part = static_cast<uint32_t>(std::min<size_t>(size, left_));
  left_ -= part;
  const State state = compressed_ ? inflate(data, part) : fields(data, part);
  return state == State::more && left_ == 0 ? State::absent : state;
}

ModelNameReader::State ModelNameReader::fields(const uint8_t* data, size_t size) {
  const size_t part = std::min(size, kSearchBytes - searched_);
  searched_ += part;
  switch (field_.feed(data, part)) {
    case StringFieldReader::State::more:
      return searched_ == kSearchBytes ? State::too_far : State::more;
    case StringFieldReader::State::malformed:
    case StringFieldReader::State::too_long:
      return State::malformed;
    case StringFieldReader::State::found:
      break;
  }
  name_ = field_.value();
  if (name_.empty()) return State::absent;
  return is_utf8(name_) ? State::found : State::malformed;
}

ModelNameReader::State ModelNameReader::inflate(const uint8_t* data, size_t size) {
  inflater_->input(data, size);
  uint8_t piece[512];
  for (;;) {
    const int made = inflater_->output(piece, sizeof piece);
    if (made < 0) return State::malformed;
    if (made == 0) return State::more;
    const State state = fields(piece, static_cast<size_t>(made));
    if (state != State::more) return state;
  }
}

}  // namespace tidegate
