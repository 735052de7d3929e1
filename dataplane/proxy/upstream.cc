#include "proxy/upstream.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "proxy/worker.h"

namespace tidegate {

namespace {

constexpr Nanos kFirstBackOff = 50 * kMillisecond;
constexpr Nanos kLongestBackOff = 2 * kSecond;

}  // namespace

Upstream::Upstream(Worker& worker, std::shared_ptr<Backend> backend) : worker_(worker), backend_(std::move(backend)) {}

Upstream::~Upstream() = default;

Stream* Upstream::open(const HeaderViews& headers, Pipe* body, StreamHandler& handler) {
  Connection* connection = with_room();
  return connection == nullptr ? nullptr : connection->open(headers, body, handler);
}

// The first connection with room, so that few connections are kept busy and their frames leave together.
Connection* Upstream::with_room() {
  Connection* least = nullptr;
  for (const auto& connection : connections_) {
    if (connection->has_room()) return connection.get();
    if (connection->usable() && (least == nullptr || connection->streams() < least->streams())) least = connection.get();
  }
  if (connections_.size() < worker_.policy().spec.connections_per_backend) {
    Connection* fresh = connect();
    if (fresh != nullptr) return fresh;
  }
  return least;  // its streams wait for the peer's limit
}

Connection* Upstream::connect() {
  if (worker_.loop().now() < connect_again_at_) return nullptr;
  Fd fd = connect_to(backend_->resolved);
  if (!fd) {
    const std::string why = std::strerror(errno);
    connect_again_at_ = worker_.loop().now() + kFirstBackOff;
    worker_.report({Event::Kind::connect_failed, backend_->address, why});
    return nullptr;
  }
  connections_.push_back(std::make_unique<Connection>(worker_.loop(), Connection::Role::client, std::move(fd),
                                                      worker_.upstream_limits(), *this, true));
  return connections_.back().get();
}

void Upstream::retire() {
  retired_ = true;
  for (size_t i = connections_.size(); i-- > 0;) connections_[i]->shutdown();
}

void Upstream::close_all() {
  retired_ = true;
  for (size_t i = connections_.size(); i-- > 0;) connections_[i]->abort("the router stops");
}

StreamHandler& Upstream::on_stream(Stream&) { std::abort(); }  // a backend can't open streams: push is off

void Upstream::on_ready(Connection&) {
  back_off_ = 0;
  ++stats_.connected;
  ++stats_.connections;
  worker_.report({Event::Kind::connected, backend_->address, ""});
}

// It stays until its streams have ended; new ones go to another connection.
void Upstream::on_going_away(Connection&) {}

void Upstream::on_closed(Connection& connection, const char* why) {
  const auto found = std::find_if(connections_.begin(), connections_.end(),
                                  [&](const auto& owned) { return owned.get() == &connection; });
  if (connection.ready()) {
    --stats_.connections;
    if (!retired_) worker_.report({Event::Kind::connection_lost, backend_->address, why});
  } else {
    back_off_ = std::clamp(back_off_ * 2, kFirstBackOff, kLongestBackOff);
    connect_again_at_ = worker_.loop().now() + back_off_;
    worker_.report({Event::Kind::connect_failed, backend_->address, why});
  }
  worker_.loop().retire(std::move(*found));
  connections_.erase(found);
}

}  // namespace tidegate
