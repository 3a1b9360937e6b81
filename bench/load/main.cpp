// callbook-load SCENARIO --port N [--name value ...]: puts one kind of load on a running server and
// prints what it measured as one line of JSON. bench/run starts it.

#include <csignal>
#include <cstdio>
#include <map>
#include <string_view>

#include "load/fail.h"
#include "load/scenarios.h"

namespace {

using callbook::load::Scenario;

const std::map<std::string_view, Scenario> kScenarios = {
    {"batches", callbook::load::run_batches},
    {"burst", callbook::load::run_burst},
    {"departure", callbook::load::run_departure},
    {"fanout", callbook::load::run_fanout},
    {"heartbeats", callbook::load::run_heartbeats},
    {"idle-watchers", callbook::load::run_idle_watchers},
    {"reconnect", callbook::load::run_reconnect},
    {"registrations", callbook::load::run_registrations},
    {"stalled-watchers", callbook::load::run_stalled_watchers},
};

}  // namespace

int main(int argc, char** argv) {
  using namespace callbook::load;
  const auto found = kScenarios.find(argc > 1 ? argv[1] : "");
  if (found == kScenarios.end()) {
    fmt::print(stderr, "usage: callbook-load SCENARIO --port N [--name value ...], one of:\n");
    for (const auto& [name, scenario] : kScenarios) fmt::print(stderr, "  {}\n", name);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit(1024);
  Options options(argc, argv, 2);
  const Deadline deadline = Deadline::in_seconds(options.number("timeout-s", 60), argv[1]);
  fmt::print("{}\n", found->second(options, deadline));
  return 0;
}
