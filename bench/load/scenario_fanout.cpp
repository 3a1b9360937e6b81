// One change, or a burst of them, to many watchers of one service. A watcher has it when it has
// taken in an event with the digest that the list must then have, which is computed here from
// docs/formats/digest.md and not taken from the server.

#include <algorithm>

#include "load/batches.h"
#include "load/client.h"
#include "load/fail.h"
#include "load/instance_texts.h"
#include "load/measures.h"
#include "load/process.h"
#include "load/scenarios.h"
#include "load/sessions.h"
#include "load/watchers.h"

namespace callbook::load {
namespace {

constexpr uint64_t kService = 7;

/// A service with its providers, and what its digest must be.
class Stage {
 public:
  Stage(Options& options, const Deadline& deadline)
      : port_(static_cast<uint16_t>(options.number("port"))),
        server_(static_cast<pid_t>(options.number("server-pid"))),
        watchers_(options.number("watchers")),
        providers_(options.number("providers")),
        texts_({InstanceSize::Of::kJson, options.number("json-bytes", 200)}),
        canonical_(texts_.canonical_text()),
        control_(port_) {
    raise_descriptor_limit(watchers_ + 100);
    session_ = open_sessions(port_, 1, deadline).front();
    add_in_batch(0, providers_);
    const std::string given = list_digest(control_, service_name(kService));
    if (given != digest_text(digest_)) {
      fail("the list's digest is {} by the server and {} by the format", given,
           digest_text(digest_));
    }
  }

  /// One request of `count` registrations; updates the digest that is expected.
  void add_in_batch(uint64_t first, uint64_t count) {
    send_batch(first, count);
    check_batch(count);
  }
  void send_batch(uint64_t first, uint64_t count) {
    for (uint64_t i = first; i < first + count; ++i) digest_ += part(i);
    control_.send(batch_request(texts_, first, count, kService, session_));
  }
  void check_batch(uint64_t count) {
    const Answer answer = control_.receive();
    if (answer.status != 200 || count_of(answer.body, "\"status\":201") != count) {
      fail("a batch was answered {} {}", answer.status, answer.body.substr(0, 500));
    }
  }

  std::string put(uint64_t sequence) {
    digest_ += part(sequence);
    return texts_.put_request("").make({sequence, kService, session_});
  }
  std::string remove(uint64_t sequence) {
    digest_ -= part(sequence);
    return request("DELETE", fmt::format("/v1/services/{}/instances/{}", service_name(kService),
                                         instance_id(sequence)));
  }

  Watchers open_watchers(const Deadline& deadline) const {
    return Watchers(port_, watchers_, watch_request({{service_name(kService), expected()}}),
                    deadline);
  }

  /// Leaves the service empty; fails the program if the server counts other instances than we do.
  void close(uint64_t instances, const Deadline& deadline) const {
    const uint64_t left = close_sessions(port_, {session_}, 1, deadline);
    if (left != instances) fail("{} instances left instead of {}", left, instances);
  }

  std::string expected() const { return digest_text(digest_); }
  uint64_t providers() const { return providers_; }
  Client& control() { return control_; }
  const Process& server() const { return server_; }

 private:
  uint64_t part(uint64_t sequence) const {
    return digest_part(canonical_.make({sequence, kService, session_}));
  }

  uint16_t port_;
  Process server_;
  uint64_t watchers_;
  uint64_t providers_;
  InstanceTexts texts_;
  Template canonical_;
  Client control_;
  std::string session_;
  uint64_t digest_ = 0;
};

/// Reads until every watcher has taken in the digest.
void await_digest(Watchers& watchers, const std::string& digest, const Deadline& deadline) {
  std::vector<bool> has_it(watchers.size());
  size_t missing = watchers.size();
  watchers.read_until(
      [&](size_t index, const Event& event) {
        if (event.text_of("\"digest\":") != digest) return;
        missing -= has_it[index] ? 0 : 1;
        has_it[index] = true;
      },
      [&] { return missing == 0; }, deadline);
}

struct Change {
  double ms = 0;
  double bytes_per_watcher = 0;
};

/// REQUIRES that `request` was made by `stage`, so that its digest is already the expected one.
Change time_change(Stage& stage, Watchers& watchers, const std::string& request, int status,
                   const Deadline& deadline) {
  const uint64_t bytes_before = watchers.bytes_read();
  const int64_t start_ns = now_ns();
  stage.control().send(request);
  await_digest(watchers, stage.expected(), deadline);
  const int64_t end_ns = now_ns();
  const Answer answer = stage.control().receive();
  if (answer.status != status) fail("a change was answered {} {}", answer.status, answer.body);
  return {to_ms(end_ns - start_ns), static_cast<double>(watchers.bytes_read() - bytes_before) /
                                        static_cast<double>(watchers.size())};
}

}  // namespace

std::string run_fanout(Options& options, const Deadline& deadline) {
  Stage stage(options, deadline);
  const uint64_t changes = options.number("changes", 200);
  const auto max_ns = static_cast<int64_t>(options.number("max-ms", 20'000)) * 1'000'000;
  options.finish();
  Watchers watchers = stage.open_watchers(deadline);
  std::vector<double> latencies;
  std::vector<double> put_bytes;
  std::vector<double> gone_bytes;
  const int64_t start_ns = now_ns();
  const int64_t cpu_before_ns = stage.server().cpu_ns();
  for (uint64_t i = 0; i < changes / 2 && now_ns() - start_ns < max_ns; ++i) {
    const uint64_t sequence = stage.providers() + i;
    const Change put = time_change(stage, watchers, stage.put(sequence), 201, deadline);
    const Change gone = time_change(stage, watchers, stage.remove(sequence), 200, deadline);
    latencies.insert(latencies.end(), {put.ms, gone.ms});
    put_bytes.push_back(put.bytes_per_watcher);
    gone_bytes.push_back(gone.bytes_per_watcher);
  }
  const int64_t cpu_ns = stage.server().cpu_ns() - cpu_before_ns;
  stage.close(stage.providers(), deadline);
  const double deliveries = static_cast<double>(latencies.size() * watchers.size());
  return fmt::format(
      R"({{"changes":{},"p50_ms":{:.3f},"p99_ms":{:.3f},"max_ms":{:.3f},"put_bytes":{:.1f},)"
      R"("gone_bytes":{:.1f},"server_cpu_us":{:.3f}}})",
      latencies.size(), percentile(latencies, 50), percentile(latencies, 99),
      percentile(latencies, 100), percentile(put_bytes, 50), percentile(gone_bytes, 50),
      static_cast<double>(cpu_ns) / 1e3 / deliveries);
}

std::string run_burst(Options& options, const Deadline& deadline) {
  Stage stage(options, deadline);
  const uint64_t changes = options.number("changes", 100);
  const uint64_t rounds = options.number("rounds", 5);
  options.finish();
  Watchers watchers = stage.open_watchers(deadline);
  std::vector<double> latencies;
  const uint64_t bytes_before = watchers.bytes_read();
  const int64_t cpu_before_ns = stage.server().cpu_ns();
  for (uint64_t round = 0; round < rounds; ++round) {
    const int64_t start_ns = now_ns();
    stage.send_batch(stage.providers() + round * changes, changes);
    await_digest(watchers, stage.expected(), deadline);
    latencies.push_back(to_ms(now_ns() - start_ns));
    stage.check_batch(changes);
  }
  const int64_t cpu_ns = stage.server().cpu_ns() - cpu_before_ns;
  stage.close(stage.providers() + rounds * changes, deadline);
  const uint64_t bytes = (watchers.bytes_read() - bytes_before) / rounds;
  return fmt::format(
      R"({{"rounds":{},"p50_ms":{:.3f},"max_ms":{:.3f},"bytes":{},"server_cpu_us":{:.3f}}})",
      rounds, percentile(latencies, 50), percentile(latencies, 100), bytes,
      static_cast<double>(cpu_ns) / 1e3 / static_cast<double>(rounds * watchers.size()));
}

}  // namespace callbook::load
