// A header block as it was received: references into nghttp2's own reference-counted buffers, so that passing a header
// on copies neither name nor value.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace tidegate {

using HeaderViews = std::vector<nghttp2_nv>;

class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(HeaderList&& other) noexcept : entries_(std::move(other.entries_)), bytes_(std::exchange(other.bytes_, 0)) {}
  HeaderList& operator=(HeaderList&& other) noexcept {
    swap(other);
    return *this;
  }
  ~HeaderList() { clear(); }

  void add(nghttp2_rcbuf* name, nghttp2_rcbuf* value, uint8_t flags) {
    nghttp2_rcbuf_incref(name);
    nghttp2_rcbuf_incref(value);
    const nghttp2_vec n = nghttp2_rcbuf_get_buf(name), v = nghttp2_rcbuf_get_buf(value);
    const auto pass = static_cast<uint8_t>((flags & NGHTTP2_NV_FLAG_NO_INDEX) | NGHTTP2_NV_FLAG_NO_COPY_NAME |
                                           NGHTTP2_NV_FLAG_NO_COPY_VALUE);
    entries_.push_back({{n.base, v.base, n.len, v.len, pass}, name, value});
    bytes_ += n.len + v.len + 32;
  }
  void swap(HeaderList& other) noexcept {
    entries_.swap(other.entries_);
    std::swap(bytes_, other.bytes_);
  }
  void clear() {
    for (const Entry& entry : entries_) {
      nghttp2_rcbuf_decref(entry.name);
      nghttp2_rcbuf_decref(entry.value);
    }
    entries_.clear();
    bytes_ = 0;
  }

  size_t size() const { return entries_.size(); }
  // As RFC 9113 §6.5.2 counts: names, values and 32 for each.
  size_t bytes() const { return bytes_; }
  std::string_view name(size_t i) const { return text(entries_[i].view.name, entries_[i].view.namelen); }
  std::string_view value(size_t i) const { return text(entries_[i].view.value, entries_[i].view.valuelen); }
  // The first value; empty when absent.
  std::string_view find(std::string_view wanted) const {
    for (size_t i = 0; i < size(); ++i)
      if (name(i) == wanted) return value(i);
    return {};
  }
  // Entry `i` to be sent on; valid while this list lives.
  const nghttp2_nv& pass(size_t i) const { return entries_[i].view; }
  // The same, kept out of the receiver's HPACK table.
  nghttp2_nv pass_unindexed(size_t i) const {
    nghttp2_nv view = entries_[i].view;
    view.flags |= NGHTTP2_NV_FLAG_NO_INDEX;
    return view;
  }

 private:
  struct Entry {
    nghttp2_nv view;
    nghttp2_rcbuf* name;
    nghttp2_rcbuf* value;
  };

  static std::string_view text(const uint8_t* bytes, size_t size) { return {reinterpret_cast<const char*>(bytes), size}; }

  std::vector<Entry> entries_;
  size_t bytes_ = 0;
};

// A header of our own. Both must outlive the sending; string literals do.
inline nghttp2_nv header_view(std::string_view name, std::string_view value, uint8_t flags = NGHTTP2_NV_FLAG_NONE) {
  auto bytes = [](std::string_view text) { return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data())); };
  const auto all = static_cast<uint8_t>(flags | NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE);
  return {bytes(name), bytes(value), name.size(), value.size(), all};
}

}  // namespace tidegate
