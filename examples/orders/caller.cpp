// Places orders at a constant rate, whatever happens to the instances of the order service and to
// the registry, and prints every second what came of it.

#include <csignal>
#include <cstdint>
#include <ctime>
#include <stdexcept>
#include <string>

#include "callbook/call.h"
#include "callbook/client.h"
#include "callbook/grpc.h"
#include "load.h"
#include "orders.grpc.pb.h"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <pthread.h>

namespace {

class OrderCaller {
 public:
  OrderCaller(callbook::Service service, examples::Counts& counts)
      : service_(std::move(service)), counts_(counts) {
    policy_.deadline = std::chrono::seconds(5);
    policy_.attempt_timeout = std::chrono::milliseconds(500);
    policy_.idempotent = true;  // the same order_id is the same order
  }

  callbook::CallResult place(const std::string& order_id) {
    orders::PlaceRequest request;
    request.set_order_id(order_id);
    orders::PlaceReply reply;
    grpc::Status status;
    return callbook::call(
        service_, policy_, [&](const callbook::Pick& pick, std::chrono::milliseconds timeout) {
          const auto outcome = callbook::grpc_attempt(
              channels_, pick, timeout, status, [&](const auto& channel, auto& context) {
                return orders::Orders::NewStub(channel)->Place(&context, request, &reply);
              });
          counts_.note_attempt(pick.id(), outcome);
          return outcome;
        });
  }

 private:
  const callbook::Service service_;
  callbook::GrpcChannels channels_{grpc::InsecureChannelCredentials()};
  callbook::CallPolicy policy_;
  examples::Counts& counts_;
};

/// Prints what is new each second, until SIGTERM or SIGINT, which must be blocked.
void report_until_ended(examples::Counts& counts) {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  const timespec second{1, 0};
  while (sigtimedwait(&ending, nullptr, &second) < 0) fmt::print("{}\n", counts.take_report());
}

}  // namespace

int main(int argc, char** argv) try {
  std::string registry = "127.0.0.1:7070";
  uint32_t per_second = 1'000;
  uint32_t threads = 32;
  CLI::App arguments("Places orders at a constant rate");
  arguments.add_option("--registry", registry, "HOST:PORT[,HOST:PORT...]")->capture_default_str();
  arguments.add_option("--rate", per_second, "calls a second")->check(CLI::Range(1, 1'000'000));
  arguments.add_option("--threads", threads, "that call")->check(CLI::Range(1, 1'000));
  CLI11_PARSE(arguments, argc, argv);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);

  callbook::Client client({.registry = registry});
  const callbook::Service orders = client.service("orders");
  if (!orders.wait(std::chrono::seconds(10))) {
    fmt::print(stderr, "caller: {}\n", orders.trouble());
    return 1;
  }

  examples::Counts counts;
  OrderCaller caller(orders, counts);
  {
    const examples::Load load(per_second, threads, [&](uint64_t number) {
      counts.note_call(caller.place(fmt::format("order-{}", number)));
    });
    report_until_ended(counts);
  }
  fmt::print("{}\n", counts.take_report());
  fmt::print("total {}\n", counts.totals());
  return counts.failures() == 0 ? 0 : 1;
} catch (const std::invalid_argument& fault) {
  fmt::print(stderr, "orders: {}\n", fault.what());
  return 2;
}
