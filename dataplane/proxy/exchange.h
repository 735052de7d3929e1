// One request on its way: joins a client's stream with a backend's, from the first header to the last trailer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/stream.h"
#include "grpc/framing.h"
#include "grpc/model_name.h"
#include "grpc/protocol.h"
#include "proxy/hold.h"
#include "proxy/lease.h"
#include "proxy/policy.h"
#include "proxy/stats.h"

namespace tidegate {

class Upstream;
class Worker;
struct ModelRecord;

// Header `i` as it goes on to the other side.
inline nghttp2_nv passed(const HeaderList& headers, size_t i) {
  return may_be_malformed(headers.name(i), headers.value(i)) ? headers.pass_unindexed(i) : headers.pass(i);
}

class Exchange final : public StreamHandler, public Waiting {
 public:
  explicit Exchange(Worker& worker);

  // Takes a client's new stream on.
  void begin(Stream& down);
  // The policy or a backend's room changed while this request waits: it may go, or must. Returns the model that has no
  // room, as far as is known: `full`, or its own.
  const ModelRecord* reconsider(const ModelRecord* full);
  // The router stops: what waits is refused while its client has time to go elsewhere.
  void stop_waiting();

  void on_headers(Stream& stream, HeaderList& headers, bool end) override;
  void on_data(Stream& stream, const uint8_t* data, size_t size) override;
  void on_trailers(Stream& stream, HeaderList& trailers) override;
  void on_end(Stream& stream) override;
  void on_sent(Stream& stream, size_t size) override;
  void on_close(Stream& stream, CloseCause cause, uint32_t error_code) override;

 private:
  enum class Phase : uint8_t {
    reading,   // until the model is known
    held,      // no backend can take it now
    sending,   // a backend has it; nothing was answered
    answering, // a response has begun
    done,      // the client has its whole answer, or is gone
  };
  // Why a backend that was given the request did not answer it.
  enum class Failure : uint8_t {
    untouched,    // it refused the stream in good order, and has not begun
    unconnected,  // there was no connection
    lost,         // the connection broke, nothing had come back
    unavailable,  // it said so, without beginning to answer
  };
  static constexpr uint8_t kErrorField = 0x0a;  // field 1 of ModelStreamInferResponse is its error message

  // request.cc
  void read_head();
  void read_request(const uint8_t* data, size_t size);
  void model_known(std::string_view name);
  void no_model(ModelNameReader::State state);
  void messages_arrived(uint32_t count);

  // attempt.cc
  const ModelEntry& entry();
  void place();
  bool attempt(Upstream& upstream, bool leased);
  void attempt_failed(Failure failure, std::string why);
  void end_lease();
  void judge(Status status);

  // holding.cc
  void hold();
  bool too_late();
  void refuse_too_late();
  bool no_room(Slot slot);
  void leave();
  void give_up();

  // response.cc
  void begin_response(HeaderList& headers, bool end);
  void read_response(const uint8_t* data, size_t size);
  void answered(const HeaderList& last);
  void read_report(std::string_view encoded);
  void upstream_closed(CloseCause cause, uint32_t error_code);

  // refusal.cc
  void refuse(Status status, std::string message, Nanos pushback = -1);
  void refuse_http(const char* status);
  void finish(Status status, std::string message);

  // exchange.cc
  void count_end(Outcome outcome);
  bool deadline_passed() const;
  void on_timer();
  void watch();
  void account();
  void untaken();
  void release();

  Worker& worker_;
  Stream* down_ = nullptr;
  Stream* up_ = nullptr;
  Upstream* upstream_ = nullptr;
  ModelRecord* model_ = nullptr;
  HeaderList request_;
  HeaderList response_;
  HeaderList trailers_;
  HeaderViews trailer_views_;
  Pipe request_body_;
  Pipe response_body_;
  ModelNameReader name_;
  std::string_view header_model_;
  MessageCounter asked_;
  MessageCounter replied_{kErrorField};
  Lease lease_;
  std::vector<Slot> tried_;
  std::string text_;        // grpc-message of an answer of our own, or the last failure
  std::string pushback_;
  char timeout_[12];
  Timer timer_;
  Nanos arrived_at_ = 0;
  Nanos deadline_ = kNever;
  Nanos hold_until_ = kNever;
  Nanos ask_again_at_ = kNever;
  Nanos progress_at_ = 0;  // when anything last went either way
  Nanos taken_at_ = 0;     // when the client last took some of its answer, or an answer began to wait for it
  size_t accounted_ = 0;
  uint32_t unanswered_ = 0;  // requests (a stream's messages) that have no answer yet
  uint16_t ghosts_ = 0;      // streams of earlier attempts that are not closed yet
  uint16_t attempts_ = 0;    // that failed
  uint16_t lost_ = 0;
  RouteKind kind_ = RouteKind::refused;
  Phase phase_ = Phase::reading;
  bool by_header_ = false;   // the model stands in the metadata; the message isn't read
  bool is_retry_ = false;    // a client's, marked as such: its arrival was counted already
  bool counted_ = false;     // its end
  bool judged_ = false;      // its answer, as a sign of the backend's health
  bool reply_ended_ = false; // the backend has said all
};

}  // namespace tidegate
