// gRPC's C++ library through a router: `client ADDRESS`; prints what it did, and ends with 1 at the first surprise.
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "protos/inference.grpc.pb.h"

namespace {

using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;
using inference::ModelInferRequest;
using inference::ModelInferResponse;

#define EXPECT(what)                                       \
  do {                                                     \
    if (!(what)) {                                         \
      std::cerr << "line " << __LINE__ << ": " #what "\n"; \
      std::exit(1);                                        \
    }                                                      \
  } while (false)

void deadline(ClientContext& context, double s) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(static_cast<int>(s * 1000)));
}

std::string row(float value) {
  const float numbers[3] = {value, value, value};
  return {reinterpret_cast<const char*>(numbers), sizeof numbers};
}

ModelInferRequest sum(float value) {
  ModelInferRequest request;
  request.set_model_name("add");
  for (const char* name : {"a", "b"}) {
    auto& input = *request.add_inputs();
    input.set_name(name);
    input.set_datatype("FP32");
    input.add_shape(1);
    input.add_shape(3);
    request.add_raw_input_contents(row(value));
  }
  return request;
}

ModelInferRequest asked(const std::string& what) {
  ModelInferRequest request;
  request.set_model_name("digits");
  request.set_id(what);
  return request;
}

bool is_sum(const ModelInferResponse& response, float value) {
  return response.raw_output_contents_size() == 1 && response.raw_output_contents(0) == row(2 * value);
}

struct Client {
  std::unique_ptr<inference::GRPCInferenceService::Stub> stub;

  void unary(bool gzip) {
    ClientContext context;
    deadline(context, 20);
    if (gzip) context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    ModelInferResponse response;
    EXPECT(stub->ModelInfer(&context, sum(1.5), &response).ok());
    EXPECT(is_sum(response, 1.5));
  }

  void metadata() {
    ClientContext context;
    deadline(context, 20);
    context.AddMetadata("x-initial", "yes");
    context.AddMetadata("sent-bin", std::string("\0\xff", 2));
    ModelInferResponse response;
    EXPECT(stub->ModelInfer(&context, asked("echo"), &response).ok());
    const auto& initial = context.GetServerInitialMetadata();
    const auto& trailing = context.GetServerTrailingMetadata();
    EXPECT(initial.find("x-initial-back") != initial.end() && initial.find("x-initial-back")->second == "yes");
    EXPECT(trailing.find("x-trailer") != trailing.end() && trailing.find("x-trailer")->second == "kept");
  }

  void errors() {
    ClientContext context;
    deadline(context, 20);
    ModelInferResponse response;
    const Status status = stub->ModelInfer(&context, asked("refuse FAILED_PRECONDITION"), &response);
    EXPECT(status.error_code() == StatusCode::FAILED_PRECONDITION && status.error_message() == "as you wish");
  }

  void deadlines_and_cancels() {
    ModelInferResponse response;
    ClientContext late;
    deadline(late, 0.3);
    EXPECT(stub->ModelInfer(&late, asked("hang"), &response).error_code() == StatusCode::DEADLINE_EXCEEDED);
    ClientContext cancelled;
    const ModelInferRequest request = asked("hang");
    std::promise<Status> done;
    stub->async()->ModelInfer(&cancelled, &request, &response, [&](Status status) { done.set_value(status); });
    auto status = done.get_future();
    EXPECT(status.wait_for(std::chrono::milliseconds(300)) == std::future_status::timeout);
    cancelled.TryCancel();
    EXPECT(status.get().error_code() == StatusCode::CANCELLED);
  }

  void stream() {
    ClientContext context;
    deadline(context, 20);
    auto stream = stub->ModelStreamInfer(&context);
    for (int i = 0; i < 20; ++i) EXPECT(stream->Write(sum(static_cast<float>(i))));
    EXPECT(stream->WritesDone());
    inference::ModelStreamInferResponse response;
    for (int i = 0; i < 20; ++i)
      EXPECT(stream->Read(&response) && is_sum(response.infer_response(), static_cast<float>(i)));
    EXPECT(!stream->Read(&response));
    EXPECT(stream->Finish().ok());
  }

  void large() {
    ModelInferRequest request;
    request.set_model_name("echo");
    auto& input = *request.add_inputs();
    input.set_name("x");
    input.set_datatype("UINT8");
    input.add_shape(1);
    input.add_shape(60'000'000);
    request.add_raw_input_contents(std::string(60'000'000, 'z'));
    ClientContext context;
    deadline(context, 60);
    ModelInferResponse response;
    const Status status = stub->ModelInfer(&context, request, &response);
    EXPECT(status.ok());
    EXPECT(response.raw_output_contents(0) == request.raw_input_contents(0));
  }

  void thousand() {
    struct One {
      ClientContext context;
      ModelInferRequest request = sum(2);
      ModelInferResponse response;
    };
    std::vector<One> all(1000);
    std::atomic<int> left{1000}, good{0};
    std::promise<void> done;
    for (One& one : all) {
      deadline(one.context, 50);
      stub->async()->ModelInfer(&one.context, &one.request, &one.response, [&](Status status) {
        good += status.ok() && is_sum(one.response, 2);
        if (--left == 0) done.set_value();
      });
    }
    done.get_future().wait();
    EXPECT(good == 1000);
  }
};

}  // namespace

int main(int argc, char** argv) {
  EXPECT(argc == 2);
  grpc::ChannelArguments options;
  options.SetMaxReceiveMessageSize(-1);
  options.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const auto channel = grpc::CreateCustomChannel(argv[1], grpc::InsecureChannelCredentials(), options);
  Client client{inference::GRPCInferenceService::NewStub(channel)};
  client.unary(false);
  client.unary(true);
  client.metadata();
  client.errors();
  client.deadlines_and_cancels();
  client.stream();
  client.large();
  client.thousand();
  std::cout << "done\n";
}
