// callbook-sim: simulates seeds, one or thousands, and says what went wrong in which.

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/report.h"
#include "sim/simulation.h"

namespace callbook::sim {
namespace {

constexpr int kExitFailing = 1;
constexpr int kExitUsage = 2;
constexpr int kExitNeverSeen = 3;
constexpr uint64_t kSeedsThatShowAll = 1'000;
constexpr uint64_t kReplayEvery = 50;
constexpr int64_t kLongestSeedS = 300;  // of a process that prints nothing
constexpr int kPollMs = 500;

constexpr std::string_view kUsage =
    "usage: callbook-sim --seed N [--verbose]\n"
    "       callbook-sim --seeds A-B [--jobs J] [--stop-at-first]\n"
    "either with --former-processes or --new-processes: what the seeds do not decide themselves\n";

struct Options {
  uint64_t first = 0;
  uint64_t last = 0;
  bool one = false;
  uint64_t jobs = 1;
  bool verbose = false;
  bool stop_at_first = false;
  std::optional<bool> new_processes;  ///< instead of what the seeds say (Settings)
};

std::optional<uint64_t> number_from(std::string_view text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::optional<Options> options_from(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  Options options;
  bool chosen = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const std::string_view next = i + 1 < words.size() ? words[i + 1] : std::string_view();
    if (word == "--verbose") {
      options.verbose = true;
    } else if (word == "--stop-at-first") {
      options.stop_at_first = true;
    } else if (word == "--former-processes" || word == "--new-processes") {
      options.new_processes = word == "--new-processes";
    } else if (word == "--seed" && number_from(next)) {
      options.one = chosen = true;
      options.first = options.last = *number_from(next);
      ++i;
    } else if (word == "--jobs" && number_from(next).value_or(0) > 0) {
      options.jobs = *number_from(next);
      ++i;
    } else if (word == "--seeds") {
      const size_t dash = next.find('-');
      const auto first = number_from(next.substr(0, dash));
      const auto last = dash == next.npos ? std::nullopt : number_from(next.substr(dash + 1));
      if (!first || !last || *last < *first) return std::nullopt;
      options.first = *first;
      options.last = *last;
      chosen = true;
      ++i;
    } else {
      return std::nullopt;
    }
  }
  if (!chosen) return std::nullopt;
  return options;
}

Settings settings_for(uint64_t seed, const Options& options) {
  Settings settings = settings_of(seed);
  settings.new_processes = options.new_processes.value_or(settings.new_processes);
  return settings;
}

Outcome run_twice(const Settings& settings, bool verbose) {
  Outcome outcome = run(settings, verbose);
  const Outcome again = run(settings, false);
  if (outcome.end_hash != again.end_hash || outcome.failure != again.failure) {
    outcome.ok = false;
    outcome.failure = fmt::format("two runs of the seed differ: {:016x} and {:016x}; {}; {}",
                                  outcome.end_hash, again.end_hash, outcome.failure, again.failure);
  }
  return outcome;
}

int run_one(const Options& options) {
  const std::clock_t began = std::clock();
  const Outcome outcome = run_twice(settings_for(options.first, options), options.verbose);
  const double cpu_s = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
  fmt::print("{}", describe(outcome));
  for (const auto& [name, count] : outcome.rules) {
    if (count > 0) fmt::print("  {:<28} {:>9}\n", name, count);
  }
  fmt::print("both runs took {:.2f} CPU s\n", cpu_s);
  return outcome.ok ? 0 : kExitFailing;
}

// --- Many seeds: processes of this program, each with its share ---

bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

/// What a worker does: its seeds, one after the other, a line before and a line after each.
void work(const Options& options, uint64_t first, int out) {
  for (uint64_t seed = first; seed <= options.last; seed += options.jobs) {
    if (!write_all(out, fmt::format("begin {}\n", seed))) return;
    const std::clock_t began = std::clock();
    const Settings settings = settings_for(seed, options);
    Outcome outcome = run(settings, false);
    const std::clock_t took = std::clock() - began;
    if (outcome.ok && seed % kReplayEvery == 0) outcome = run_twice(settings, false);
    const int64_t cpu_us = static_cast<int64_t>(took) * 1'000'000 / CLOCKS_PER_SEC;
    if (!write_all(out, to_line(outcome, cpu_us) + "\n")) return;
  }
}

/// Runs seeds in worker processes and gathers what they write. A worker that dies or stands still
/// costs its seed only: another goes on behind it.
class Pool {
 public:
  explicit Pool(const Options& options) : options_(options) {
    for (uint64_t i = 0; i < options.jobs; ++i) start(options.first + i);
  }
  ~Pool() {
    for (const Worker& worker : workers_) end(worker);
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void run_all() {
    while (!workers_.empty() && !(options_.stop_at_first && report_.failed())) turn();
  }
  const Report& report() const { return report_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Worker {
    pid_t process = -1;
    int in = -1;
    uint64_t seed = 0;  ///< at which it is, or which comes first
    bool busy = false;
    std::string read;
    Clock::time_point heard;
  };

  void start(uint64_t seed) {
    if (seed > options_.last) return;
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    fflush(nullptr);
    const pid_t process = ::fork();
    if (process < 0) std::abort();
    if (process == 0) {
      ::close(ends[0]);
      work(options_, seed, ends[1]);
      ::_exit(0);
    }
    ::close(ends[1]);
    workers_.push_back({process, ends[0], seed, false, {}, Clock::now()});
  }

  static int end(const Worker& worker) {
    ::kill(worker.process, SIGKILL);
    int status = 0;
    ::waitpid(worker.process, &status, 0);
    ::close(worker.in);
    return status;
  }

  void turn() {
    std::vector<pollfd> files;
    for (const Worker& worker : workers_) files.push_back({worker.in, POLLIN, 0});
    ::poll(files.data(), files.size(), kPollMs);
    for (size_t i = files.size(); i-- > 0;) {
      if (files[i].revents != 0) {
        hear(i);
      } else if (Clock::now() - workers_[i].heard > std::chrono::seconds(kLongestSeedS)) {
        lose(i, "stood still");
      }
    }
  }

  void hear(size_t index) {
    Worker& worker = workers_[index];
    char bytes[65'536];
    const ssize_t count = ::read(worker.in, bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) return;
    if (count <= 0) return lose(index, "died");
    worker.heard = Clock::now();
    worker.read.append(bytes, static_cast<size_t>(count));
    for (size_t end; (end = worker.read.find('\n')) != std::string::npos;) {
      take(worker, std::string_view(worker.read).substr(0, end));
      worker.read.erase(0, end + 1);
    }
  }

  void take(Worker& worker, std::string_view line) {
    if (line.starts_with("begin ")) {
      worker.seed = number_from(line.substr(6)).value_or(worker.seed);
      worker.busy = true;
      return;
    }
    worker.busy = false;
    const auto one = outcome_from(line);
    if (!one) return report_.add_lost(worker.seed);
    report_.add(*one);
    if (one->outcome.ok) return;
    fmt::print("seed {} FAILED: {}\n", one->outcome.seed, one->outcome.failure);
    fflush(stdout);
  }

  void lose(size_t index, std::string_view how) {
    const Worker worker = workers_[index];
    workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(index));
    end(worker);
    if (!worker.busy) return;  // it has done its share
    report_.add_lost(worker.seed);
    fmt::print("seed {} FAILED: its process {}\n", worker.seed, how);
    fflush(stdout);
    start(worker.seed + options_.jobs);
  }

  const Options options_;
  std::vector<Worker> workers_;
  Report report_;
};

int run_many(const Options& options) {
  Pool pool(options);
  pool.run_all();
  const Report& report = pool.report();
  fmt::print("{}", report.text());
  if (report.failed()) return kExitFailing;
  if (report.seeds() < kSeedsThatShowAll) return 0;
  const std::vector<std::string> never = report.never_seen();
  for (const std::string& name : never) fmt::print("never seen: {}\n", name);
  return never.empty() ? 0 : kExitNeverSeen;
}

}  // namespace
}  // namespace callbook::sim

int main(int argc, char** argv) {
  const auto options = callbook::sim::options_from(argc, argv);
  if (!options) {
    fmt::print(stderr, "{}", callbook::sim::kUsage);
    return callbook::sim::kExitUsage;
  }
  return options->one ? callbook::sim::run_one(*options) : callbook::sim::run_many(*options);
}
