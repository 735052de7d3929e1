// What goes on to a backend and what comes back, between real connections.
#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "tests/plane.h"

using namespace tidegate;
using namespace tidegate::test;
using Kind = Behaviour::Kind;

TEST_CASE("a unary request and its answer pass unchanged") {
  BackendServer backend({Kind::echo, "0", 0, {{"x-trailer", "1"}, {"rich-bin", "AAE"}}, ""});
  Plane plane(policy_for({backend.address()}));
  Client client(plane.address());
  const std::string body = request_for("m", 300);
  const Received reply = client.call(kInfer, body, {{"x-mine", "a"}, {"x-mine", "b"}, {"raw-bin", "AQI"}, {"grpc-timeout", "5S"}});
  CHECK(reply.status() == "0");
  CHECK(reply.body == body);
  CHECK(find(reply.headers, "x-initial") == "yes");
  CHECK(find(reply.trailers, "x-trailer") == "1");
  CHECK(find(reply.trailers, "rich-bin") == "AAE");
  const Received seen = backend.requests().at(0);
  CHECK(seen.body == body);
  CHECK(find(seen.headers, "raw-bin") == "AQI");
  CHECK(std::count(seen.headers.begin(), seen.headers.end(), Metadata::value_type("x-mine", "b")) == 1);
  CHECK(find(seen.headers, "te") == "trailers");
  const Nanos left = parse_timeout(find(seen.headers, "grpc-timeout"));
  CHECK(left <= 5 * kSecond);
  CHECK(left > 3 * kSecond);
  CHECK(plane.at_rest());
  CHECK(ended(plane.totals().models["m"], Outcome::succeeded) == 1);
}

TEST_CASE("headers of one hop, and second values of what occurs once, are not passed on") {
  BackendServer backend;
  Plane plane(policy_for({backend.address()}));
  Client client(plane.address());
  client.call(kInfer, request_for("m"), {{"host", "other"}, {"grpc-timeout", "9S"}, {"grpc-timeout", "1n"}, {"user-agent", "a"}, {"user-agent", "b"}});
  REQUIRE(backend.count() == 1);
  const Metadata seen = backend.requests()[0].headers;
  CHECK(find(seen, "host") == "");
  int timeouts = 0, agents = 0;
  for (const auto& [name, value] : seen) {
    timeouts += name == "grpc-timeout";
    agents += name == "user-agent";
  }
  CHECK(timeouts == 1);
  CHECK(agents == 1);
}

TEST_CASE("an error of the backend passes with its words") {
  BackendServer backend({Kind::status, "5", 0, {{"grpc-message", "no%20such"}, {"details-bin", "AA"}}, ""});
  Plane plane(policy_for({backend.address()}));
  Client client(plane.address());
  const Received reply = client.call(kInfer, request_for("m"));
  CHECK(reply.status() == "5");
  CHECK(find(reply.headers, "grpc-message") == "no%20such");
  CHECK(find(reply.headers, "details-bin") == "AA");
  CHECK(ended(plane.totals().models["m"], Outcome::rejected) == 1);
}

TEST_CASE("which rpcs are carried, answered elsewhere, or refused") {
  BackendServer backend, local({Kind::echo, "0", 0, {{"who", "local"}}, ""});
  PolicySpec policy = policy_for({backend.address()});
  policy.local_address = local.address();
  Plane plane(policy);
  Client client(plane.address());
  CHECK(find(client.call("/grpc.health.v1.Health/Check", framed("")).trailers, "who") == "local");
  CHECK(client.call("/inference.GRPCInferenceService/LogSettings", framed("")).status() == "12");
  CHECK(client.call("/other.Service/Method", request_for("m")).status() == "12");
  CHECK(client.call("/other.Service/Method", framed("anything"), {{"tidegate-model", "m"}}).status() == "0");
  CHECK(client.call(kInfer, framed("\x12\x01" "2")).status() == "3");
  CHECK(client.call(kInfer, framed("\x12\x01" "2"), {{"tidegate-model", "m"}}).status() == "0");
  CHECK(client.call(kInfer, framed("\x0f")).status() == "3");
  CHECK(client.call(kInfer, request_for("unknown")).status() == "5");
  CHECK(client.call(kInfer, request_for("m"), {{"grpc-timeout", "soon"}}).status() == "13");
  CHECK(find(client.call(kInfer, request_for("m"), {{"content-type", "text/html"}}).headers, ":status") == "415");
  CHECK(backend.count() == 2);
  const Totals all = plane.totals();
  CHECK(all.models.at("m").arrived == 2);
  CHECK(all.models.at("unknown").arrived == 1);
  CHECK(plane.at_rest());
}

TEST_CASE("the deadline is enforced, and cancels the backend") {
  BackendServer backend({Kind::hang, "", 0, {}, ""});
  Plane plane(policy_for({backend.address()}));
  Client client(plane.address());
  const Received reply = client.call(kInfer, request_for("m"), {{"grpc-timeout", "100m"}});
  CHECK(reply.status() == "4");
  CHECK(eventually([&] { return backend.cancelled() == 1; }));
  CHECK(plane.at_rest());
}

TEST_CASE("a client that cancels cancels the backend and gives its lease back") {
  BackendServer backend({Kind::hang, "", 0, {}, ""});
  Plane plane(policy_for({backend.address()}));
  Client client(plane.address());
  auto call = client.begin(kInfer);
  call->send(request_for("m"));
  CHECK(eventually([&] { return backend.count() == 1; }));  // one that never left has nothing to cancel there
  CHECK(plane.outstanding() == 1);
  call->cancel();
  CHECK(eventually([&] { return backend.cancelled() == 1; }));
  CHECK(plane.at_rest());
  CHECK(ended(plane.totals().models["m"], Outcome::cancelled) == 1);
}

TEST_CASE("a stream counts each message in flight") {
  BackendServer backend({Kind::echo_messages, "0", 0, {}, ""});
  Plane plane(policy_for({backend.address()}));
  Client client(plane.address());
  auto call = client.begin(kStream);
  std::string ok = request_for("m");
  for (int i = 0; i < 3; ++i) call->send(ok);
  CHECK(call->wait_for([&](const Received& r) { return r.body.size() == 3 * ok.size(); }));
  CHECK(eventually([&] { return plane.outstanding() == 0; }));
  CHECK(plane.totals().models["m"].arrived == 3);
  backend.behave({Kind::hang, "", 0, {}, ""});
  auto hanging = client.begin(kStream);
  for (int i = 0; i < 4; ++i) hanging->send(ok);
  CHECK(eventually([&] { return plane.outstanding() == 4; }));
  hanging->cancel();
  call->end();
  CHECK(call->wait().status() == "0");
  CHECK(plane.at_rest());
  CHECK(ended(plane.totals().models["m"], Outcome::cancelled) == 4);
}

TEST_CASE("large messages stream through bounded memory") {
  BackendServer backend;
  Plane plane(policy_for({backend.address()}));
  Client client(plane.address());
  const std::string body = request_for("m", 20 * 1024 * 1024);
  auto call = client.begin(kInfer);
  call->send(body);
  call->end();
  uint64_t most = 0;
  while (!call->now().closed) most = std::max(most, plane.totals().bytes_in_flight);
  CHECK(call->wait().body == body);
  CHECK(most < 3 * 1024 * 1024);
}

TEST_CASE("a client that doesn't read holds its backend back, not our memory") {
  BackendServer backend({Kind::echo, "0", 0, {}, std::string(8 * 1024 * 1024, 'y')});
  Plane plane(policy_for({backend.address()}));
  Client client(plane.address());
  auto slow = client.begin(kInfer, {}, false);
  slow->send(request_for("m"));
  slow->end();
  CHECK(eventually([&] { return plane.totals().bytes_in_flight >= 128 * 1024; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(plane.totals().bytes_in_flight <= 512 * 1024);
  CHECK(client.call(kInfer, request_for("m")).body.size() == 8 * 1024 * 1024);  // others go on
  slow->cancel();
  CHECK(plane.at_rest());
}

TEST_CASE("load reports, demand and the client's own retries") {
  // request_cost {"rows": 3}, application_utilization 0.5, in base64
  BackendServer backend({Kind::echo, "0", 0, {{"endpoint-load-metrics-bin", "Ig8KBHJvd3MRAAAAAAAACEBJAAAAAAAA4D8"}}, ""});
  Plane plane(policy_for({backend.address()}));
  Client client(plane.address());
  const auto from = static_cast<int64_t>(time(nullptr));
  for (int i = 0; i < 5; ++i) client.call(kInfer, request_for("m"));
  client.call(kInfer, request_for("m"), {{"grpc-previous-rpc-attempts", "1"}});
  const Totals all = plane.totals();
  CHECK(all.models.at("m").cost_rows == doctest::Approx(3));
  CHECK(all.backends.at(backend.address()).utilization == doctest::Approx(0.5));
  CHECK(all.models.at("m").arrived == 5);
  uint64_t sum = 0;
  for (const auto& [second, models] : plane.demand(from, from + 10)) sum += models.at("m");
  CHECK(sum == 5);
}

TEST_CASE("a drained router ends its connections in good order") {
  BackendServer backend;
  Plane plane(policy_for({backend.address()}));
  Client client(plane.address());
  auto call = client.begin(kInfer);
  call->send(request_for("m"));
  CHECK(eventually([&] { return backend.count() == 1; }));
  plane.drain();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  call->end();
  CHECK(call->wait().status() == "0");
  CHECK(eventually([&] { return plane.clients() == 0; }));
}

TEST_CASE("outstanding is exact whatever happens, with several workers") {
  BackendServer flaky, steady, hanging({Kind::hang, "", 0, {}, ""});
  Plane plane(policy_for({flaky.address(), steady.address(), hanging.address()}), 3);
  std::vector<std::thread> users;
  for (unsigned user = 0; user < 4; ++user)
    users.emplace_back([&, user] {
      Client client(plane.address());
      std::vector<std::shared_ptr<Call>> calls;
      for (unsigned i = 0; i < 150; ++i) {
        auto call = client.begin(i % 5 == 0 ? kStream : kInfer, {{"grpc-timeout", i % 7 == 0 ? "20m" : "1S"}});
        call->send(request_for("m", i * 37 % 3000));
        if ((i + user) % 3 != 0) call->end();
        if ((i + user) % 4 == 0) call->cancel();
        calls.push_back(call);
      }
      for (auto& call : calls) call->wait(5);
    });
  for (int i = 0; i < 12; ++i) {
    static const Kind kinds[] = {Kind::drop_connection, Kind::status, Kind::reset, Kind::echo};
    flaky.behave({kinds[i % 4], "14", NGHTTP2_REFUSED_STREAM, {}, ""});
    std::this_thread::sleep_for(std::chrono::milliseconds(15));
    plane.apply(i % 3 == 0 ? policy_for({steady.address(), hanging.address()})
                           : policy_for({flaky.address(), steady.address(), hanging.address()}));
  }
  for (auto& user : users) user.join();
  CHECK(plane.at_rest());
}

TEST_CASE("an answer that comes before the request has ended ends both") {
  BackendServer backend({Kind::early_status, "5", 0, {}, ""});
  Plane plane(policy_for({backend.address()}));
  Client client(plane.address());
  for (const std::string& path : {kInfer, kStream}) {
    auto call = client.begin(path);
    call->send(request_for("m", 100'000));  // and never ends
    const Received reply = call->wait();
    CHECK(reply.status() == "5");
    CHECK(reply.error_code == NGHTTP2_NO_ERROR);  // RFC 9113 §8.1
  }
  CHECK(plane.at_rest());
}
