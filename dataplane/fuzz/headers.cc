// What is read from header values: deadlines, statuses, percent-encoding, base64, load reports.
#include <string>
#include <string_view>

#include "grpc/protocol.h"

using namespace tidegate;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Nanos timeout = parse_timeout(text);
  if (timeout >= 0) {
    char again[12];
    const size_t length = format_timeout(timeout, again);
    if (length == 0 || length > 9 || parse_timeout({again, length}) < timeout) __builtin_trap();
  }
  parse_status(text);
  is_grpc(text);
  kind_of(text);
  const std::string encoded = percent_encode(text);
  for (char c : encoded)
    if (c < 0x20 || c > 0x7E) __builtin_trap();
  if (percent_decode(encoded) != text) __builtin_trap();
  LoadReport report;
  parse_load_report(decode_base64(text), report);
  parse_load_report(text, report);
  return 0;
}
