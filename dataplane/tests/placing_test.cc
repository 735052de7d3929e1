// Which backend gets a request, when it waits, and when it is tried again, between real connections.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/plane.h"

using namespace tidegate;
using namespace tidegate::test;
using Kind = Behaviour::Kind;

TEST_CASE("what a backend has not begun goes to another") {
  BackendServer good;
  BackendServer bad;
  SUBCASE("connection refused") { bad.die(); }
  SUBCASE("stream refused") { bad.behave({Kind::reset, "", NGHTTP2_REFUSED_STREAM, {}, ""}); }
  SUBCASE("connection lost before an answer") { bad.behave({Kind::drop_connection, "", 0, {}, ""}); }
  SUBCASE("unavailable, trailers only") { bad.behave({Kind::status, "14", 0, {{"grpc-message", "not ready"}}, ""}); }
  Plane plane(policy_for({bad.address(), good.address()}));
  Client client(plane.address());
  for (int i = 0; i < 20; ++i) CHECK(client.call(kInfer, request_for("m", 1000)).status() == "0");
  CHECK(good.count() == 20);
  CHECK(plane.at_rest());
  CHECK(plane.totals().models["m"].retried > 0);
  CHECK(plane.totals().models["m"].arrived == 20);
}

TEST_CASE("what a backend began to answer, or may have done, is not tried again") {
  BackendServer backend, other;
  SUBCASE("the connection breaks in the middle of the answer") {
    backend.behave({Kind::half_answer, "", 0, {}, ""});
    Plane plane(policy_for({backend.address()}));
    Client client(plane.address());
    const Received reply = client.call(kInfer, request_for("m"));
    CHECK(reply.status() == "14");
    CHECK(reply.body == request_for("m"));
    CHECK(plane.at_rest());
  }
  SUBCASE("it resets the stream") {
    backend.behave({Kind::reset, "", NGHTTP2_INTERNAL_ERROR, {}, ""});
    Plane plane(policy_for({backend.address()}));
    Client client(plane.address());
    CHECK(client.call(kInfer, request_for("m")).status() == "13");
    CHECK(backend.count() == 1);
  }
  SUBCASE("pushback says no") {
    backend.behave({Kind::status, "14", 0, {{"grpc-retry-pushback-ms", "-1"}}, ""});
    Plane plane(policy_for({backend.address()}));
    Client client(plane.address());
    CHECK(client.call(kInfer, request_for("m")).status() == "14");
    CHECK(backend.count() == 1);
  }
}

TEST_CASE("retries of what may have been begun have a budget") {
  BackendServer bad({Kind::drop_connection, "", 0, {}, ""});
  PolicySpec policy = policy_for({bad.address()});
  policy.retry.max_tokens = 4;
  policy.outliers.enabled = false;
  Plane plane(policy);
  Client client(plane.address());
  for (int i = 0; i < 4; ++i) client.call(kInfer, request_for("m"), {{"grpc-timeout", "2S"}});
  CHECK(bad.count() <= 6);
  CHECK(client.call(kInfer, request_for("m")).status() == "14");
}

TEST_CASE("an unavailable that has no budget to be tried again passes with all that it says") {
  BackendServer bad({Kind::status, "14", 0, {{"grpc-message", "not ready"}, {"grpc-status-details-bin", "CA4"}}, ""});
  PolicySpec policy = policy_for({bad.address()});
  policy.retry.max_tokens = 1;
  policy.outliers.enabled = false;
  Plane plane(policy);
  Client client(plane.address());
  client.call(kInfer, request_for("m"));  // what is left of the budget before this policy
  const size_t asked = bad.count();
  const Received reply = client.call(kInfer, request_for("m"));
  CHECK(bad.count() == asked + 1);
  CHECK(reply.status() == "14");
  CHECK(find(reply.headers, "grpc-message") == "not ready");
  CHECK(find(reply.headers, "grpc-status-details-bin") == "CA4");
  CHECK(plane.at_rest());
  const ModelStats model = plane.totals().models["m"];
  CHECK(ended(model, Outcome::failed) == 2);
}

TEST_CASE("requests that are kept to be sent again have a bound together") {
  BackendServer backend({Kind::hang, "", 0, {}, ""});
  PolicySpec policy = policy_for({backend.address()});
  policy.retry.buffers_bytes = 5000;
  policy.outliers.enabled = false;
  Plane plane(policy);
  Client client(plane.address());
  auto kept = client.begin(kInfer);
  kept->send(request_for("m", 4000));
  CHECK(eventually([&] { return backend.count() == 1; }));
  backend.behave({Kind::status, "14", 0, {}, ""});
  CHECK(client.call(kInfer, request_for("m", 2000)).status() == "14");
  CHECK(backend.count() == 2);  // it was not kept, and so not tried again
  auto small = client.begin(kInfer);
  small->send(request_for("m", 500));
  small->end();
  CHECK(eventually([&] { return backend.count() >= 4; }));  // there is room for this one: it is asked again and again
  backend.behave({});
  CHECK(small->wait().status() == "0");
  kept->cancel();
  CHECK(plane.at_rest());
}

TEST_CASE("a request waits for a replica, within bounds") {
  BackendServer backend;
  PolicySpec none = policy_for({});
  none.hold.requests = 2;
  none.hold.bytes = 10'000;
  Plane plane(none);
  Client client(plane.address());
  auto first = client.begin(kInfer);
  first->send(request_for("m", 100));
  first->end();
  CHECK(eventually([&] { return plane.held() == 1; }));
  SUBCASE("it goes when one is there") {
    plane.apply(policy_for({backend.address()}));
    CHECK(first->wait().status() == "0");
    CHECK(plane.totals().models["m"].arrived == 1);
  }
  SUBCASE("its deadline ends it") {
    CHECK(client.call(kInfer, request_for("m"), {{"grpc-timeout", "100m"}}).status() == "4");
    first->cancel();
  }
  SUBCASE("too many, or too much, is refused with pushback") {
    const Received large = client.call(kInfer, request_for("m", 20'000));
    CHECK(large.status() == "8");
    CHECK(find(large.headers, "grpc-retry-pushback-ms") != "");
    auto second = client.begin(kInfer);
    second->send(request_for("m"));
    CHECK(eventually([&] { return plane.held() == 2; }));
    CHECK(client.call(kInfer, request_for("m")).status() == "8");
    second->cancel();
    first->cancel();
  }
  SUBCASE("what can't be saved is refused at once") {
    PolicySpec later = none;
    later.models = {{"m", 60.0}};
    plane.apply(later);
    const Received reply = client.call(kInfer, request_for("m"), {{"grpc-timeout", "2S"}});
    CHECK(reply.status() == "14");
    CHECK(std::stoi(find(reply.headers, "grpc-retry-pushback-ms")) > 50'000);
    first->cancel();
  }
  SUBCASE("a stopping router lets it go elsewhere") {
    plane.drain();
    CHECK(first->wait().status() == "14");
  }
  CHECK(plane.at_rest());
}

TEST_CASE("what waited is spread over the replicas that become ready, not heaped on the first") {
  BackendServer stuck({Behaviour::Kind::hang, "", 0, {}, ""}), quick;
  PolicySpec none = policy_for({});
  none.hold.release_outstanding = 2;
  Plane plane(none, 2);
  Client one(plane.address()), two(plane.address()), three(plane.address());
  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < 30; ++i) {
    calls.push_back((i % 3 == 0 ? one : i % 3 == 1 ? two : three).begin(kInfer));
    calls.back()->send(request_for("m"));
    calls.back()->end();
  }
  CHECK(eventually([&] { return plane.held() == 30; }));
  PolicySpec first = policy_for({stuck.address()});
  first.hold.release_outstanding = 2;
  plane.apply(first);
  CHECK(eventually([&] { return stuck.count() >= 2; }));
  CHECK(plane.held() > 0);
  PolicySpec both = policy_for({stuck.address(), quick.address()});
  both.hold.release_outstanding = 2;
  plane.apply(both);
  CHECK(eventually([&] { return plane.held() == 0; }));
  CHECK(eventually([&] { return stuck.count() + quick.count() == 30; }));
  CHECK(quick.count() > stuck.count());
  size_t answered = 0;
  for (const auto& call : calls) answered += call->wait(0.2).status() == "0";
  CHECK(answered == quick.count());
  for (const auto& call : calls) call->cancel();
  CHECK(plane.at_rest());
}

TEST_CASE("what waits already is refused when its replica turns out to come too late") {
  Plane plane(policy_for({}));
  Client client(plane.address());
  auto call = client.begin(kInfer, {{"grpc-timeout", "4S"}});
  call->send(request_for("m"));
  call->end();
  CHECK(eventually([&] { return plane.held() == 1; }));
  PolicySpec later = policy_for({});
  later.models = {{"m", 60.0}};
  plane.apply(later);
  CHECK(call->wait(2).status() == "14");
  CHECK(plane.at_rest());
}

TEST_CASE("apply returns when nothing more is sent by the earlier policy") {
  BackendServer leaving, staying;
  Plane plane(policy_for({leaving.address(), staying.address()}), 2);
  Client client(plane.address()), another(plane.address());
  std::atomic<bool> stop{false};
  std::thread load([&] {
    while (!stop) client.call(kInfer, request_for("m"));
  });
  CHECK(eventually([&] { return leaving.count() > 5 && staying.count() > 5; }));
  plane.apply(policy_for({staying.address()}));
  CHECK(eventually([&] { return plane.outstanding() <= 1; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // what had left before is there by now
  const size_t before = leaving.count();
  for (int i = 0; i < 50; ++i) CHECK(another.call(kInfer, request_for("m")).status() == "0");
  CHECK(leaving.count() == before);
  stop = true;
  load.join();
}

TEST_CASE("a replica that fails fast does not attract") {
  BackendServer bad({Kind::status, "13", 0, {}, ""}), good;
  Plane plane(policy_for({bad.address(), good.address()}));
  Client client(plane.address());
  for (int i = 0; i < 200; ++i) client.call(kInfer, request_for("m"));
  CHECK(bad.count() < 20);
}

TEST_CASE("a replica that only fails is ejected, and Python is told") {
  BackendServer bad({Kind::status, "13", 0, {}, ""}), busy({Kind::hang, "", 0, {}, ""});
  Plane plane(policy_for({busy.address()}));
  Client client(plane.address());
  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < 40; ++i) {
    calls.push_back(client.begin(kInfer));
    calls.back()->send(request_for("m"));
  }
  CHECK(eventually([&] { return plane.outstanding() == 40; }));
  plane.apply(policy_for({busy.address(), bad.address()}));
  for (int i = 0; i < 5; ++i) CHECK(client.call(kInfer, request_for("m")).status() == "13");
  auto last = client.begin(kInfer);
  last->send(request_for("m"));
  CHECK(eventually([&] { return plane.outstanding() == 41; }));
  CHECK(bad.count() == 5);
  std::vector<std::string> ejected;
  for (const Event& event : plane.events())
    if (event.kind == Event::Kind::ejected) ejected.push_back(event.backend);
  CHECK(ejected == std::vector<std::string>{bad.address()});
}

TEST_CASE("GOAWAY loses nothing") {
  BackendServer backend({Kind::goaway, "", 0, {}, ""});
  Plane plane(policy_for({backend.address()}));
  Client client(plane.address());
  auto call = client.begin(kInfer);
  call->send(request_for("m"));
  CHECK(eventually([&] { return backend.count() == 1; }));
  backend.behave({});
  for (int i = 0; i < 10; ++i) CHECK(client.call(kInfer, request_for("m")).status() == "0");
  call->cancel();
  CHECK(plane.at_rest());
}

TEST_CASE("a backend that goes away again and again loses no request") {
  BackendServer backend;
  Plane plane(policy_for({backend.address()}), 2);
  std::atomic<bool> over{false};
  std::atomic<int> served{0}, lost{0};
  std::vector<std::thread> users;
  for (int user = 0; user < 2; ++user)
    users.emplace_back([&] {
      Client client(plane.address());
      while (!over) ++(client.call(kInfer, request_for("m", 2000)).status() == "0" ? served : lost);
    });
  for (int i = 0; i < 40; ++i) {
    const int before = served;
    backend.go_away();
    CHECK(eventually([&] { return served > before + 3; }));
  }
  over = true;
  for (auto& user : users) user.join();
  CHECK(lost == 0);
  CHECK(plane.at_rest());
}

TEST_CASE("a backend that no longer answers pings is left, and what it was sent goes elsewhere") {
  SilentServer silent;
  BackendServer good;
  DataPlaneOptions options = Plane::options(1);
  options.upstream_limits.keepalive_s = options.upstream_limits.keepalive_timeout_s = 0.1;
  Plane plane(policy_for({silent.address()}), options);
  Client client(plane.address());
  auto call = client.begin(kInfer, {{"grpc-timeout", "20S"}});
  call->send(request_for("m"));
  call->end();
  CHECK(eventually([&] { return plane.outstanding() == 1; }));
  plane.apply(policy_for({silent.address(), good.address()}));
  CHECK(call->wait().status() == "0");
  CHECK(good.count() == 1);
  bool lost = false;
  for (const Event& event : plane.events())
    lost |= event.kind == Event::Kind::connection_lost && event.detail.find("ping") != std::string::npos;
  CHECK(lost);
}

TEST_CASE("settings out of their range are refused by name and value, and change nothing") {
  const auto refusal = [](auto change) {
    try {
      Plane plane(policy_for({"127.0.0.1:9"}));
      change(plane);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const auto of_policy = [&](auto change) {
    return refusal([&](Plane& plane) {
      PolicySpec policy = policy_for({"127.0.0.1:9"});
      change(policy);
      plane.apply(policy);
    });
  };
  CHECK(of_policy([](PolicySpec& p) { p.backends[0].weight = -1; }) ==
        "backend 127.0.0.1:9: weight = -1: must be from 0.001 to 1000");
  CHECK(of_policy([](PolicySpec& p) { p.backends[0].slow_start_s = std::nan(""); }) ==
        "backend 127.0.0.1:9: slow_start_s = nan: must be at least 0");
  CHECK(of_policy([](PolicySpec& p) { p.outliers.max_ejected_share = 2; }) ==
        "outliers.max_ejected_share = 2: must be from 0 to 1");
  CHECK(of_policy([](PolicySpec& p) { p.routes.push_back({"Infer", RouteKind::inference}); }) ==
        "route.path = 'Infer': must be /service/Method, or a prefix like /service/");
  CHECK(of_policy([](PolicySpec& p) { p.times.stall_s = 0; }) == "times.stall_s = 0: must be over 0 seconds");
  const auto of_limits = [&](auto change) {
    return refusal([&](Plane&) {
      DataPlaneOptions options;
      change(options);
      DataPlane plane(options);
    });
  };
  CHECK(of_limits([](DataPlaneOptions& o) { o.client_limits.max_streams = 0; }) ==
        "client_limits.max_streams = 0: must be from 1 to 2147483647");
  CHECK(of_limits([](DataPlaneOptions& o) { o.upstream_limits.keepalive_s = -5; }) ==
        "upstream_limits.keepalive_s = -5: must be over 0 seconds");
  CHECK(of_limits([](DataPlaneOptions& o) { o.threads = 0; }) == "threads = 0: must be from 1 to 1024");
}
