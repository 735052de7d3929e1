// Accepts connections for one loop.
#pragma once

#include <functional>

#include "engine/loop.h"
#include "engine/socket.h"

namespace tidegate {

class Listener final : public IoHandler {
 public:
  using Accepted = std::function<void(Fd)>;
  Listener(Loop& loop, Fd fd, Accepted accepted);
  ~Listener();
  void on_io(uint32_t events) override;
  Address address() const { return local_address(fd_); }

 private:
  Loop& loop_;
  Fd fd_;
  Accepted accepted_;
  Timer retry_;
};

}  // namespace tidegate
