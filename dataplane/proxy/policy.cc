#include "proxy/policy.h"

#include <algorithm>
#include <stdexcept>

namespace tidegate {

namespace {

Slot claim(Scoreboard& board, const std::string& address) {
  const Slot slot = board.claim();
  if (slot == kNoSlot) throw std::runtime_error("too many backends: no room for " + address);
  return slot;
}

}  // namespace

Backend::Backend(std::string address_text, Scoreboard& scoreboard)
    : address(std::move(address_text)),
      resolved(Address::resolve(address)),
      board(scoreboard),
      slot(claim(scoreboard, address)),
      health(slot) {}

Backend::~Backend() { board.give_up(slot); }

Routes::Routes(const std::vector<RouteSpec>& specs) {
  for (const RouteSpec& spec : specs) {
    if (!spec.path.empty() && spec.path.back() == '/')
      prefixes_.emplace_back(spec.path, spec.kind);
    else
      exact_[spec.path] = spec.kind;
  }
  std::sort(prefixes_.begin(), prefixes_.end(),
            [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
}

const RouteKind* Routes::find(std::string_view path) const {
  const auto found = exact_.find(std::string(path));
  if (found != exact_.end()) return &found->second;
  for (const auto& [prefix, kind] : prefixes_)
    if (path.substr(0, prefix.size()) == prefix) return &kind;
  return nullptr;
}

}  // namespace tidegate
