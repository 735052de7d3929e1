#include "proxy/worker.h"

#include <algorithm>

namespace tidegate {

namespace {

constexpr Nanos kTickPeriod = 100 * kMillisecond;
constexpr Nanos kReleasePeriod = TimerWheel::kTick;
constexpr size_t kIdleExchanges = 8192;  // kept for reuse
constexpr size_t kLongestLabel = 256;    // bytes; longer names are counted as "(other)"

}  // namespace

Worker::Worker(Shared& shared, uint64_t seed)
    : shared_(shared),
      room_(shared.held),
      random_(seed | 1),
      tick_([](void* self) { static_cast<Worker*>(self)->keep_time(); }, this),
      release_([](void* self) { static_cast<Worker*>(self)->release(); }, this) {
  other_ = &add_model("(other)");
  other_->other = true;
}

Worker::~Worker() = default;

void Worker::listen(Fd socket) {
  listener_ = std::make_unique<Listener>(loop_, std::move(socket), [this](Fd fd) { accept(std::move(fd)); });
}

void Worker::accept(Fd fd) {
  if (fd.get() >= shared_.client_fds) return;  // the kernel gives the lowest free number: nearly all are taken
  ++counts_.accepted;
  auto client = std::make_unique<Connection>(loop_, Connection::Role::server, std::move(fd), shared_.client_limits, *this);
  Connection* key = client.get();
  clients_.emplace(key, std::move(client));
}

void Worker::keep_time() {
  shared_.outliers->tick(loop_.now());
  loop_.arm(tick_, loop_.now() + kTickPeriod);
}

// xorshift64*: fast, and good enough to break ties.
uint32_t Worker::random(uint32_t below) {
  random_ ^= random_ >> 12;
  random_ ^= random_ << 25;
  random_ ^= random_ >> 27;
  const auto high = static_cast<uint32_t>((random_ * 0x2545F4914F6CDD1Dull) >> 32);
  return static_cast<uint32_t>(static_cast<uint64_t>(high) * below >> 32);
}

void Worker::follow(std::shared_ptr<const Policy> policy) {
  policy_ = std::move(policy);
  follow_backends();
  follow_models();
  release();
}

void Worker::release_later() {
  if (!release_.armed()) loop_.arm(release_, loop_.now() + kReleasePeriod);
}

// Asks all that wait, first come, first. `full` is a model whose backends have just shown that they have no room: the
// others that wait for it needn't look.
void Worker::release() {
  const ModelRecord* full = nullptr;
  room_.for_each([&](Waiting& waiting) { full = static_cast<Exchange&>(waiting).reconsider(full); });
}

void Worker::follow_backends() {
  leaving_.erase(std::remove_if(leaving_.begin(), leaving_.end(), [](const auto& one) { return one->gone(); }),
                 leaving_.end());
  std::vector<std::unique_ptr<Upstream>> old;
  old.swap(upstreams_);
  for (const auto& backend : policy_->backends) {
    if (upstreams_.size() <= backend->slot) upstreams_.resize(backend->slot + 1);
    auto& place = upstreams_[backend->slot];
    if (backend->slot < old.size() && old[backend->slot] && &old[backend->slot]->backend() == backend.get())
      place = std::move(old[backend->slot]);
    else
      place = std::make_unique<Upstream>(*this, backend);
  }
  if (local_ && (!policy_->local || &local_->backend() != policy_->local.get())) old.push_back(std::move(local_));
  if (policy_->local && !local_) local_ = std::make_unique<Upstream>(*this, policy_->local);
  for (auto& gone : old) {
    if (!gone) continue;
    gone->retire();
    leaving_.push_back(std::move(gone));
  }
}

void Worker::follow_models() {
  last_model_ = nullptr;
  for (const auto& [name, entry] : policy_->models)
    if (models_.find(name) == models_.end()) add_model(name);
  for (auto& [name, record] : models_) {
    const auto found = policy_->models.find(record->label);
    record->entry = found != policy_->models.end() ? &found->second : &policy_->any_model;
  }
}

ModelRecord& Worker::add_model(std::string label) {
  auto record = std::make_unique<ModelRecord>();
  record->label = std::move(label);
  record->entry = &policy_->any_model;
  ModelRecord& added = *record;
  models_.emplace(added.label, std::move(record));
  return added;
}

// Names that are only asked for are counted one by one up to a limit, so that a client that invents names can't fill our
// memory.
ModelRecord& Worker::model(std::string_view name) {
  if (last_model_ != nullptr && last_model_->label == name) return *last_model_;
  const auto found = models_.find(name);
  if (found != models_.end()) {
    last_model_ = found->second.get();
    return *last_model_;
  }
  if (asked_models_ >= policy_->spec.max_models || name.size() > kLongestLabel) return *other_;
  ++asked_models_;
  return add_model(std::string(name));
}

StreamHandler& Worker::on_stream(Stream& stream) {
  std::unique_ptr<Exchange> exchange;
  if (!free_.empty()) {
    exchange = std::move(free_.back());
    free_.pop_back();
  } else {
    exchange = std::make_unique<Exchange>(*this);
  }
  ++counts_.requests;
  exchange->begin(stream);
  return *exchange.release();
}

void Worker::recycle(Exchange& exchange) {
  std::unique_ptr<Exchange> owned(&exchange);
  if (free_.size() < kIdleExchanges) free_.push_back(std::move(owned));
}

void Worker::on_closed(Connection& connection, const char*) {
  const auto found = clients_.find(&connection);
  loop_.retire(std::move(found->second));
  clients_.erase(found);
}

void Worker::drain() {
  if (draining_) return;
  draining_ = true;
  listener_.reset();
  room_.for_each([](Waiting& waiting) { static_cast<Exchange&>(waiting).stop_waiting(); });
  for (auto& [connection, owned] : clients_) connection->shutdown();
}

void Worker::stop() {
  listener_.reset();
  tick_.cancel();
  release_.cancel();
  while (!clients_.empty()) clients_.begin()->first->abort("the router stops");
  for (auto* group : {&upstreams_, &leaving_})
    for (auto& upstream : *group)
      if (upstream) upstream->close_all();
  if (local_) local_->close_all();
  loop_.stop();
}

WorkerStats Worker::stats() const {
  WorkerStats copy = counts_;
  copy.connections = clients_.size();
  for (const auto& [name, record] : models_)
    if (!record->other || record->stats.arrived > 0) copy.models.emplace_back(record->label, record->stats);
  const auto add = [&](Upstream& upstream) { copy.backends.emplace_back(upstream.backend().address, upstream.stats()); };
  for (const auto& upstream : upstreams_)
    if (upstream) add(*upstream);
  return copy;
}

void Worker::demand(int64_t from, int64_t to,
                    std::unordered_map<int64_t, std::unordered_map<std::string, uint64_t>>& sums) const {
  for (const auto& [name, record] : models_) {
    if (record->other && record->stats.arrived == 0) continue;
    for (int64_t second = from; second < to; ++second) sums[second][record->label] += record->demand.at(second);
  }
}

}  // namespace tidegate
