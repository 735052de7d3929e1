// Any bytes on a backend's connection, with requests under way on it: unary, a stream, one by metadata, a local one.
#include <algorithm>

#include "fuzz/world.h"

namespace {

using namespace tidegate;
using namespace tidegate::fuzz;

std::string frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  std::string bytes{'\0', static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size()),
                    static_cast<char>(type), static_cast<char>(flags)};
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(stream >> shift & 0xFF);
  return bytes + payload;
}

// Indexed: POST, http; literal: :authority, :path, content-type and `more`.
std::string request(uint32_t stream, const std::string& path, const std::string& more, bool end) {
  const std::string head = std::string("\x83\x86\x01\x01x\x04") + static_cast<char>(path.size()) + path +
                           "\x0f\x10\x10"
                           "application/grpc" +
                           more;
  const std::string message("\0\0\0\0\3\x0a\1m", 8);
  return frame(1, 4, stream, head) + frame(0, end ? 1 : 0, stream, message);
}

const std::string kRequests = kPreface + kSettings + request(1, "/i/M", "", true) + request(3, "/i/S", "", false) +
                              request(5, "/no/W", std::string("\0\x0etidegate-model\1m", 18), true) +
                              request(7, "/l/L", "", false);

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static World& world = *new World;
  static const Fd& listener = *new Fd(listen_on(Address::resolve(world.address), 16));
  world.renew();
  Fd client = world.connect_client();
  send(client, kRequests);
  world.turns(4);
  Fd backend = accept_from(listener), other = accept_from(listener);  // of the models, and of the local rpcs
  // The first byte, odd: the bytes follow proper SETTINGS. 2: they come on the local rpcs' connection. The rest of it:
  // they come in two pieces, with time between.
  if (data[0] & 2) std::swap(backend, other);
  const size_t cut = std::min<size_t>(size - 1, (data[0] >> 2) * 8);
  if (!backend) __builtin_trap();
  if (data[0] & 1) send(backend, kSettings);
  if (cut > 0) {
    send(backend, data + 1, cut);
    world.turns(3);
    drop(backend);
  }
  send(backend, data + 1 + cut, size - 1 - cut);
  world.turns(4);
  drop(client);
  drop(backend);
  backend.reset();  // what is unanswered is tried again, in vain, and waits
  world.turns(3);
  client.reset();
  world.expect_nothing_left();
  while (accept_from(listener)) {
  }
  return 0;
}
