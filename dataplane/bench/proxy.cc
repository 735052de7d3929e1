// The data plane without Python: `proxy --listen H:P --backend H:P … [--threads N]`. For benchmarks, sanitizers, fuzzing.
// Every backend is taken as ready and as serving every model, like `tidegate router --no-health-checks`.
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "proxy/data_plane.h"

int main(int argc, char** argv) {
  using namespace tidegate;
  DataPlaneOptions options;
  PolicySpec policy;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i], value = argv[i + 1];
    if (flag == "--listen") {
      options.listen = value;
    } else if (flag == "--threads") {
      options.threads = static_cast<uint32_t>(std::atoi(argv[i + 1]));
    } else if (flag == "--backend") {
      BackendSpec backend;
      backend.address = value;
      backend.all_models = true;
      policy.backends.push_back(backend);
    } else {
      std::fprintf(stderr, "unknown flag %s\n", argv[i]);
      return 2;
    }
  }
  policy.routes = {{"/inference.GRPCInferenceService/ModelInfer", RouteKind::inference},
                   {"/inference.GRPCInferenceService/ModelStreamInfer", RouteKind::inference_stream},
                   {"/inference.GRPCInferenceService/ModelMetadata", RouteKind::model}};
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  try {
    DataPlane plane(options);
    plane.apply(policy);
    plane.start();
    std::printf("ready %s\n", plane.address().c_str());
    std::fflush(stdout);
    int signal = 0;
    sigwait(&signals, &signal);
    plane.stop();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "proxy: %s\n", error.what());
    return 1;
  }
  return 0;
}
