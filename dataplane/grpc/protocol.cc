#include "grpc/protocol.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace tidegate {

HeaderKind kind_of(std::string_view name) {
  switch (name.size()) {
    case 2:
      return name == "te" ? HeaderKind::once : HeaderKind::pass;
    case 4:
      return name == "host" ? HeaderKind::host : HeaderKind::pass;
    case 5:
      return name == ":path" ? HeaderKind::path : HeaderKind::pass;
    case 7:
      if (name == ":scheme") return HeaderKind::common;
      if (name == ":method") return HeaderKind::method;
      return name == "upgrade" ? HeaderKind::hop : HeaderKind::pass;
    case 10:
      if (name == ":authority") return HeaderKind::common;
      if (name == "user-agent") return HeaderKind::once;
      return name == "connection" || name == "keep-alive" ? HeaderKind::hop : HeaderKind::pass;
    case 12:
      if (name == "content-type") return HeaderKind::content_type;
      return name == "grpc-timeout" ? HeaderKind::timeout : HeaderKind::pass;
    case 13:
      return name == "grpc-encoding" ? HeaderKind::encoding : HeaderKind::pass;
    case 14:
      if (name == "tidegate-model") return HeaderKind::model;
      return name == "content-length" ? HeaderKind::once : HeaderKind::pass;
    case 16:
      return name == "proxy-connection" || name == "http2-settings" ? HeaderKind::hop : HeaderKind::pass;
    case 17:
      return name == "transfer-encoding" ? HeaderKind::hop : HeaderKind::pass;
    case 20:
      return name == "grpc-accept-encoding" ? HeaderKind::common : HeaderKind::pass;
    case 26:
      return name == "grpc-previous-rpc-attempts" ? HeaderKind::attempts : HeaderKind::pass;
    default:
      return HeaderKind::pass;
  }
}

bool is_grpc(std::string_view content_type) {
  constexpr std::string_view kName = "application/grpc";
  if (content_type.substr(0, kName.size()) != kName) return false;
  return content_type.size() == kName.size() || content_type[kName.size()] == '+' || content_type[kName.size()] == ';';
}

bool may_be_malformed(std::string_view name, std::string_view value) {
  if (name.size() >= 4 && name.substr(name.size() - 4) == "-bin") return true;
  if (name.substr(0, 5) != "grpc-") return false;
  const std::string_view rest = name.substr(5);
  if (rest == "encoding") return value != "identity" && value != "gzip" && value != "deflate";
  // A deadline was read by us; lists of encodings, statuses and messages have no malformed value.
  return rest != "timeout" && rest != "accept-encoding" && rest != "status" && rest != "message";
}

Nanos parse_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return -1;
  int64_t value = 0;
  for (char digit : text.substr(0, text.size() - 1)) {
    if (digit < '0' || digit > '9') return -1;
    value = value * 10 + (digit - '0');
  }
  switch (text.back()) {
    case 'n':
      return value;
    case 'u':
      return value * 1'000;
    case 'm':
      return value * kMillisecond;
    case 'S':
      return value * kSecond;
    case 'M':
      return value * 60 * kSecond;
    case 'H':
      return value > 800'000 ? kForever : value * 3600 * kSecond;
    default:
      return -1;
  }
}

size_t format_timeout(Nanos left, char* to) {
  static constexpr struct {
    Nanos unit;
    char name;
  } kUnits[] = {{1'000, 'u'}, {kMillisecond, 'm'}, {kSecond, 'S'}, {60 * kSecond, 'M'}, {3600 * kSecond, 'H'}};
  for (const auto& [unit, name] : kUnits) {
    int64_t value = (left + unit - 1) / unit;
    if (value > 99'999'999 && name != 'H') continue;
    char digits[20];
    size_t count = 0;
    do digits[count++] = static_cast<char>('0' + value % 10);
    while ((value /= 10) > 0);
    for (size_t i = 0; i < count; ++i) to[i] = digits[count - 1 - i];
    to[count] = name;
    return count + 1;
  }
  return 0;
}

Status parse_status(std::string_view text) {
  if (text.empty() || text.size() > 2) return Status::none;
  int value = 0;
  for (char digit : text) {
    if (digit < '0' || digit > '9') return Status::none;
    value = value * 10 + (digit - '0');
  }
  return static_cast<Status>(value);
}

std::string percent_encode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte <= 0x7E && byte != '%')
      encoded += c;
    else
      encoded.append({'%', kHex[byte >> 4], kHex[byte & 15]});
  }
  return encoded;
}

std::string percent_decode(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
    decoded += escaped ? static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])) : text[i];
    if (escaped) i += 2;
  }
  return decoded;
}

std::string decode_base64(std::string_view text) {
  static const std::array<int8_t, 256> kValues = [] {
    std::array<int8_t, 256> values;
    values.fill(-1);
    const std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < alphabet.size(); ++i) values[static_cast<uint8_t>(alphabet[i])] = static_cast<int8_t>(i);
    return values;
  }();
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) return {};
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  uint32_t bits = 0, count = 0;
  for (char c : text) {
    const int8_t value = kValues[static_cast<uint8_t>(c)];
    if (value < 0) return {};
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 0xFF);
    }
  }
  return bytes;
}

namespace {

struct Field {
  uint32_t number;
  uint32_t wire;
  uint64_t value;          // varint
  std::string_view bytes;  // length-delimited
  double real;             // fixed64
};

bool take_varint(std::string_view& text, uint64_t& value) {
  value = 0;
  for (uint32_t shift = 0; shift < 64 && !text.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(text.front());
    text.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool take_field(std::string_view& text, Field& field) {
  uint64_t tag = 0;
  if (!take_varint(text, tag)) return false;
  field.number = static_cast<uint32_t>(tag >> 3);
  field.wire = tag & 7;
  size_t size = 0;
  switch (field.wire) {
    case 0:
      return take_varint(text, field.value);
    case 1:
      size = 8;
      break;
    case 2: {
      uint64_t length = 0;
      if (!take_varint(text, length) || length > text.size()) return false;
      size = length;
      break;
    }
    case 5:
      size = 4;
      break;
    default:
      return false;
  }
  if (text.size() < size) return false;
  field.bytes = text.substr(0, size);
  if (field.wire == 1) std::memcpy(&field.real, text.data(), 8);
  text.remove_prefix(size);
  return true;
}

// An entry of a map<string, double>: if its key is `wanted`, its value goes to `to`.
bool read_entry(std::string_view entry, std::string_view wanted, double& to) {
  std::string_view key;
  double value = 0;
  Field field;
  while (!entry.empty()) {
    if (!take_field(entry, field)) return false;
    if (field.number == 1 && field.wire == 2) key = field.bytes;
    if (field.number == 2 && field.wire == 1) value = field.real;
  }
  if (key == wanted) to = value;
  return true;
}

}  // namespace

bool parse_load_report(std::string_view message, LoadReport& report) {
  constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();
  report = {kAbsent, 0, kAbsent};  // proto3 leaves a 0 out
  Field field;
  while (!message.empty()) {
    if (!take_field(message, field)) return false;
    if (field.number == 4 && field.wire == 2 && !read_entry(field.bytes, "rows", report.rows)) return false;
    if (field.number == 8 && field.wire == 2 && !read_entry(field.bytes, "capacity_rows_per_s", report.capacity_rows_per_s))
      return false;
    if (field.number == 9 && field.wire == 1) report.utilization = field.real;
  }
  // Only finite, non-negative readings are readings.
  for (double* value : {&report.rows, &report.utilization, &report.capacity_rows_per_s})
    if (!std::isfinite(*value) || *value < 0) *value = kAbsent;
  return true;
}

}  // namespace tidegate
