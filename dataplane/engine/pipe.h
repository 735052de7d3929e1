// A FIFO of body bytes between the two sides of a stream, in blocks from a pool of the thread.
//
// What was read can be kept, so that the same bytes can be sent again to another peer: rewind() goes back to the first
// byte, forget() gives up that right and frees what was read.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tidegate {

class Pipe {
 public:
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() { clear(); }

  void append(const uint8_t* data, size_t size);
  // Takes `size` (at most unread()) bytes out, into `to`.
  void read(uint8_t* to, size_t size);
  // Bytes not yet read.
  size_t unread() const { return unread_; }
  // Bytes in memory: unread, and read but kept.
  size_t held() const { return unread_ + kept_; }

  // No more bytes will come.
  void end() { ended_ = true; }
  bool ended() const { return ended_; }

  void keep() { keep_ = true; }
  bool keeps() const { return keep_; }
  void rewind();
  void forget();

  void clear();

 private:
  struct Block;

  static Block* take(size_t size);
  static void give(Block* block);
  void drop_read();

  Block* head_ = nullptr;    // first block in memory
  Block* cursor_ = nullptr;  // block that is read next; null: head_ (nothing was read yet)
  Block* tail_ = nullptr;
  uint32_t offset_ = 0;  // into cursor_
  size_t unread_ = 0;
  size_t kept_ = 0;
  bool ended_ = false;
  bool keep_ = false;
};

}  // namespace tidegate
