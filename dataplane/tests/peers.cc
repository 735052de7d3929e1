#include "tests/peers.h"

#include <chrono>

namespace tidegate::test {

namespace {

Metadata copy(const HeaderList& headers) {
  Metadata all;
  for (size_t i = 0; i < headers.size(); ++i) all.emplace_back(headers.name(i), headers.value(i));
  return all;
}

HeaderViews views(const Metadata& metadata) {
  HeaderViews all;
  for (const auto& [name, value] : metadata) {
    nghttp2_nv nv = header_view(name, value);
    nv.flags = NGHTTP2_NV_FLAG_NONE;  // copied: the test's strings are short-lived
    all.push_back(nv);
  }
  return all;
}

}  // namespace

std::string framed(const std::string& message) {
  std::string bytes(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(message.size() >> shift & 0xFF);
  return bytes + message;
}

std::string request_for(const std::string& model, size_t padding) {
  std::string message = "\x0a" + std::string(1, static_cast<char>(model.size())) + model;
  if (padding > 0) {
    message += "\x3a";
    for (size_t left = padding; ; left >>= 7) {
      message += static_cast<char>((left & 0x7F) | (left > 0x7F ? 0x80 : 0));
      if (left <= 0x7F) break;
    }
    message += std::string(padding, 'x');
  }
  return framed(message);
}

std::string find(const Metadata& metadata, const std::string& name) {
  for (const auto& [key, value] : metadata)
    if (key == name) return value;
  return "";
}

void LoopThread::run(const std::function<void()>& task) {
  std::promise<void> done;
  loop.post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

class BackendStream final : public StreamHandler {
 public:
  BackendStream(BackendServer& server) : server_(server) {
    std::lock_guard<std::mutex> lock(server.mutex_);
    behaviour_ = server.behaviour_;
  }

  void on_headers(Stream& stream, HeaderList& headers, bool end) override {
    {
      std::lock_guard<std::mutex> lock(server_.mutex_);
      index_ = server_.requests_.size();
      server_.requests_.push_back({});
      server_.requests_.back().headers = copy(headers);
    }
    if (behaviour_.kind == Behaviour::Kind::reset) return stream.reset(behaviour_.error_code);
    if (behaviour_.kind == Behaviour::Kind::drop_connection) return stream.connection().abort("test");
    if (behaviour_.kind == Behaviour::Kind::goaway) return stream.connection().shutdown();
    if (behaviour_.kind == Behaviour::Kind::echo_messages) answer(stream);
    if (behaviour_.kind == Behaviour::Kind::early_status) say_status(stream);
    if (end) on_end(stream);
  }
  void on_data(Stream& stream, const uint8_t* data, size_t size) override {
    stream.credit(size);
    {
      std::lock_guard<std::mutex> lock(server_.mutex_);
      server_.requests_[index_].body.append(reinterpret_cast<const char*>(data), size);
    }
    body_.append(data, size);
    if (behaviour_.kind == Behaviour::Kind::echo_messages) stream.resume();
  }
  void on_trailers(Stream&, HeaderList&) override {}
  void on_end(Stream& stream) override {
    using Kind = Behaviour::Kind;
    {
      std::lock_guard<std::mutex> lock(server_.mutex_);
      server_.requests_[index_].ended = true;
    }
    switch (behaviour_.kind) {
      case Kind::status:
        return say_status(stream);
      case Kind::half_answer:
        stream.respond(views({{":status", "200"}, {"content-type", "application/grpc"}}), &body_);
        // The bytes must be out before the connection breaks.
        break_.reset(new Timer([](void* it) { static_cast<Stream*>(it)->connection().abort("test"); }, &stream));
        return stream.connection().loop().arm(*break_, stream.connection().loop().now() + 50 * kMillisecond);
      case Kind::echo:
        answer(stream);
        [[fallthrough]];
      case Kind::echo_messages:
        if (!behaviour_.body.empty()) {
          body_.clear();
          body_.append(reinterpret_cast<const uint8_t*>(behaviour_.body.data()), behaviour_.body.size());
        }
        body_.end();
        return stream.resume();
      default:
        return;
    }
  }
  void on_sent(Stream&, size_t) override {}
  void on_close(Stream&, CloseCause cause, uint32_t) override {
    if (cause != CloseCause::finished) {
      std::lock_guard<std::mutex> lock(server_.mutex_);
      ++server_.cancelled_;
    }
    delete this;
  }

 private:
  void answer(Stream& stream) {
    trailer_data_ = behaviour_.trailers;
    trailer_data_.emplace_back("grpc-status", behaviour_.status);
    trailers_ = views(trailer_data_);
    stream.set_trailers(&trailers_);
    stream.respond(views({{":status", "200"}, {"content-type", "application/grpc"}, {"x-initial", "yes"}}), &body_);
  }

  void say_status(Stream& stream) {
    Metadata head{{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", behaviour_.status}};
    head.insert(head.end(), behaviour_.trailers.begin(), behaviour_.trailers.end());
    stream.respond(views(head), nullptr);
  }

  BackendServer& server_;
  Behaviour behaviour_;
  size_t index_ = 0;
  Pipe body_;
  Metadata trailer_data_;
  HeaderViews trailers_;
  std::unique_ptr<Timer> break_;
};

BackendServer::BackendServer(Behaviour behaviour, const std::string& listen) : behaviour_(std::move(behaviour)) {
  thread_.run([&] {
    listener_ = std::make_unique<Listener>(thread_.loop, listen_on(Address::resolve(listen), 128), [this](Fd fd) {
      auto made = std::make_unique<Connection>(thread_.loop, Connection::Role::server, std::move(fd), limits_, *this);
      Connection* key = made.get();
      connections_.emplace(key, std::move(made));
    });
    address_ = listener_->address().text();
  });
}

BackendServer::~BackendServer() {
  die();
  thread_.finish();
}

void BackendServer::behave(Behaviour behaviour) {
  std::lock_guard<std::mutex> lock(mutex_);
  behaviour_ = std::move(behaviour);
}

void BackendServer::go_away() {
  thread_.run([this] {
    for (auto& [connection, owned] : connections_) connection->shutdown();
  });
}

std::vector<Received> BackendServer::requests() {
  std::lock_guard<std::mutex> lock(mutex_);
  return requests_;
}

size_t BackendServer::count() {
  std::lock_guard<std::mutex> lock(mutex_);
  return requests_.size();
}

size_t BackendServer::cancelled() {
  std::lock_guard<std::mutex> lock(mutex_);
  return cancelled_;
}

void BackendServer::die() {
  thread_.run([this] {
    listener_.reset();
    while (!connections_.empty()) connections_.begin()->first->abort("test");
  });
}

StreamHandler& BackendServer::on_stream(Stream&) { return *new BackendStream(*this); }

void BackendServer::on_closed(Connection& connection, const char*) {
  const auto found = connections_.find(&connection);
  thread_.loop.retire(std::move(found->second));
  connections_.erase(found);
}

void Call::send(const std::string& bytes) {
  thread_->run([&] {
    body_.append(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    if (stream_ != nullptr) stream_->resume();
  });
}

void Call::end() {
  thread_->run([&] {
    body_.end();
    if (stream_ != nullptr) stream_->resume();
  });
}

void Call::cancel() {
  thread_->run([&] {
    if (stream_ != nullptr) stream_->reset(NGHTTP2_CANCEL);
  });
}

bool Call::wait_for(const std::function<bool(const Received&)>& condition, double s) {
  std::unique_lock<std::mutex> lock(mutex_);
  return changed_.wait_for(lock, std::chrono::duration<double>(s), [&] { return condition(received_); });
}

Received Call::wait(double s) {
  wait_for([](const Received& received) { return received.closed; }, s);
  return now();
}

Received Call::now() {
  std::lock_guard<std::mutex> lock(mutex_);
  return received_;
}

void Call::on_headers(Stream&, HeaderList& headers, bool) {
  std::lock_guard<std::mutex> lock(mutex_);
  received_.headers = copy(headers);
  changed_.notify_all();
}

void Call::on_data(Stream& stream, const uint8_t* data, size_t size) {
  if (reading) stream.credit(size);
  std::lock_guard<std::mutex> lock(mutex_);
  received_.body.append(reinterpret_cast<const char*>(data), size);
  changed_.notify_all();
}

void Call::on_trailers(Stream&, HeaderList& trailers) {
  std::lock_guard<std::mutex> lock(mutex_);
  received_.trailers = copy(trailers);
}

void Call::on_end(Stream&) {
  std::lock_guard<std::mutex> lock(mutex_);
  received_.ended = true;
}

void Call::on_close(Stream&, CloseCause cause, uint32_t error_code) {
  stream_ = nullptr;
  std::lock_guard<std::mutex> lock(mutex_);
  received_.closed = true;
  received_.cause = cause;
  received_.error_code = error_code;
  changed_.notify_all();
}

SilentServer::SilentServer() {
  thread_.run([this] {
    listener_ = std::make_unique<Listener>(thread_.loop, listen_on(Address::resolve("127.0.0.1:0"), 16), [this](Fd fd) {
      static constexpr char kSettings[] = "\0\0\0\4\0\0\0\0\0";
      ::send(fd.get(), kSettings, sizeof kSettings - 1, MSG_NOSIGNAL);
      accepted_.push_back(std::move(fd));
    });
    address_ = listener_->address().text();
  });
}

SilentServer::~SilentServer() {
  thread_.run([this] { listener_.reset(); });
}

Client::Client(const std::string& address, Limits limits) : limits_(limits) {
  thread_.run([&] {
    connection_ = std::make_unique<Connection>(thread_.loop, Connection::Role::client,
                                               connect_to(Address::resolve(address)), limits_, *this, true);
  });
}

Client::~Client() {
  thread_.run([this] {
    if (connection_) connection_->abort("test");
  });
  thread_.finish();
}

void Client::on_closed(Connection&, const char*) { thread_.loop.retire(std::move(connection_)); }

bool Client::connected() {
  bool yes = false;
  thread_.run([&] { yes = connection_ && connection_->ready(); });
  return yes;
}

std::shared_ptr<Call> Client::begin(const std::string& path, Metadata metadata, bool reading) {
  auto call = std::make_shared<Call>();
  call->thread_ = &thread_;
  call->reading = reading;
  call->request_ = {{":method", "POST"}, {":scheme", "http"}, {":path", path}, {":authority", "test"}};
  bool typed = false;
  for (auto& [name, value] : metadata) typed |= name == "content-type";
  if (!typed) call->request_.emplace_back("content-type", "application/grpc");
  call->request_.emplace_back("te", "trailers");
  for (auto& one : metadata) call->request_.push_back(one);
  thread_.run([&] {
    calls_.push_back(call);
    if (connection_) call->stream_ = connection_->open(views(call->request_), &call->body_, *call);
    if (call->stream_ == nullptr) call->received_.closed = true;
  });
  return call;
}

Received Client::call(const std::string& path, const std::string& body, Metadata metadata) {
  auto call = begin(path, std::move(metadata));
  call->send(body);
  call->end();
  return call->wait();
}

bool eventually(const std::function<bool()>& condition, double s) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(s);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace tidegate::test
