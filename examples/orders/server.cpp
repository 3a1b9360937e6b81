// An order service over gRPC: registers itself, turns away what it must not serve, and leaves
// without anybody noticing on SIGTERM or SIGINT.

#include <csignal>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "callbook/client.h"
#include "callbook/grpc.h"
#include "orders.grpc.pb.h"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <pthread.h>

namespace {

class OrderService final : public orders::Orders::Service {
 public:
  OrderService(callbook::Guard guard, std::string id)
      : guard_(std::move(guard)), id_(std::move(id)) {}

  grpc::Status Place(grpc::ServerContext* context, const orders::PlaceRequest* request,
                     orders::PlaceReply* reply) override {
    const callbook::GrpcAdmission admission(guard_, *context, "orders");
    if (!admission) return admission.status();

    if (request->order_id().empty()) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "order_id: must not be empty"};
    }
    reply->set_taken_by(id_);
    return grpc::Status::OK;
  }

 private:
  const callbook::Guard guard_;
  const std::string id_;
};

/// What ends the program; kept from killing it. To be called before there are threads.
sigset_t block_ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

}  // namespace

int main(int argc, char** argv) try {
  std::string registry = "127.0.0.1:7070";
  std::string id = "orders-1";
  int port = 0;
  CLI::App arguments("An order service");
  arguments.add_option("--registry", registry, "HOST:PORT[,HOST:PORT...]")->capture_default_str();
  arguments.add_option("--id", id, "of this instance")->capture_default_str();
  arguments.add_option("--port", port, "0: any")->check(CLI::Range(0, 65'535));
  CLI11_PARSE(arguments, argc, argv);
  const sigset_t ending = block_ending_signals();

  // It listens before it is registered; until then the guard says that it is not ready.
  const callbook::Guard guard({"orders"});
  OrderService service(guard, id);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(fmt::format("0.0.0.0:{}", port), grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    fmt::print(stderr, "orders: the port could not be opened\n");
    return 1;
  }

  callbook::Client client({.registry = registry});
  auto registration =
      client.register_instance({.service = "orders",
                                .instance = {.id = id, .port = static_cast<uint16_t>(port)},
                                .guard = guard});
  fmt::print(stderr, "orders: '{}' serves on port {}\n", id, port);

  int signal = 0;
  sigwait(&ending, &signal);
  const auto drained = registration.drain(std::chrono::seconds(10));
  fmt::print(stderr, "orders: '{}' leaves; consumers told: {}, calls over: {}\n", id, drained.seen,
             drained.idle);
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  return 0;
} catch (const std::invalid_argument& fault) {
  fmt::print(stderr, "orders: {}\n", fault.what());
  return 2;
}
