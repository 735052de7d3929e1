// The balancer by names, for traces and property tests that are written in Python. The data plane itself does not use it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/balancer.h"
#include "proxy/outliers.h"

namespace tidegate {

class NamedBalancer {
 public:
  explicit NamedBalancer(std::function<uint32_t(uint32_t)> random)
      : random_(std::move(random)), board_(1 << 16), outliers_(board_, [this](Slot slot, Health health, const char* why) {
          reports_.emplace_back(names_[slot], std::string(health == Health::ejected ? "ejected: " : "recovered: ") + why);
        }) {}

  void configure(const OutlierSettings& settings) { outliers_.configure(settings); }

  void ready(const std::string& name, double weight, double slow_start_s, double now_s) {
    auto& health = backends_[name];
    if (!health) {
      health = std::make_unique<BackendHealth>(board_.claim());
      if (names_.size() <= health->slot) names_.resize(health->slot + 1);
      names_[health->slot] = name;
    }
    outliers_.ready(*health, weight, slow_start_s, seconds(now_s));
  }
  void not_ready(const std::string& name) { outliers_.not_ready(of(name)); }

  // The least outstanding of the candidates; it does not take it.
  std::optional<std::string> pick(const std::vector<std::string>& candidates, const std::vector<std::string>& tried) {
    const Slot slot = tidegate::pick(board_, Candidates(slots(candidates)), slots(tried), random_);
    return slot == kNoSlot ? std::nullopt : std::optional(names_[slot]);
  }
  void take(const std::string& name) { board_.take(of(name).slot); }
  void release(const std::string& name) {
    if (outstanding(name) == 0) throw std::runtime_error(name + " has nothing outstanding");
    board_.give(of(name).slot);
  }
  uint32_t outstanding(const std::string& name) { return board_.outstanding(of(name).slot); }

  void succeeded(const std::string& name) { outliers_.succeeded(of(name)); }
  void failed(const std::string& name, bool busy, double now_s) { outliers_.failed(of(name), !busy, seconds(now_s)); }
  void tick(double now_s) { outliers_.tick(seconds(now_s)); }
  double success(const std::string& name) { return outliers_.success(of(name)); }
  bool ejected(const std::string& name) { return outliers_.ejected(of(name)); }
  // (name, what happened) since the last call.
  std::vector<std::pair<std::string, std::string>> reports() { return std::exchange(reports_, {}); }

 private:
  BackendHealth& of(const std::string& name) {
    const auto found = backends_.find(name);
    if (found == backends_.end()) throw std::out_of_range("no backend " + name);
    return *found->second;
  }
  std::vector<Slot> slots(const std::vector<std::string>& names) {
    std::vector<Slot> all;
    for (const std::string& name : names) all.push_back(of(name).slot);
    return all;
  }

  std::function<uint32_t(uint32_t)> random_;
  Scoreboard board_;
  Outliers outliers_;
  std::unordered_map<std::string, std::unique_ptr<BackendHealth>> backends_;
  std::vector<std::string> names_;
  std::vector<std::pair<std::string, std::string>> reports_;
};

}  // namespace tidegate
