// What the registry makes of silence, as transcripts: providers that die, hang, lose their hosts or
// come back, and a registry that stands still, is cut off, or is restarted.

#include <algorithm>
#include <map>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "core/registry.h"
#include "core/script_text.h"

namespace callbook::core {
namespace {

/// A registry with providers that send heartbeats every two seconds and listen on ports, run from
/// lines of commands; after each stands what consumers see, with the time since its beginning.
///
///   process p [n] [zone=z] [service=s]   opens session p and registers s/p-1 … s/p-n
///   attach p               ties the session to a connection (no heartbeats)
///   kill p…                the process is gone: connections break, ports refuse
///   lose p…                the host is gone: nothing breaks, nothing answers
///   hang p…                no heartbeats, but the ports answer
///   back p…                heartbeats again, and the ports answer
///   lossy                  from now on every other heartbeat gets lost
///   shut p | open p        its ports refuse, though it goes on to send heartbeats; or answer again
///   report p-1 x y…        consumers x, y… say that calls to p-1 fail
///   restart                of the registry, from what it stored
///   pause 3000             the registry stands still
///   advance 3000 | release s
class LivenessScript {
 public:
  LivenessScript() { begin(); }

  std::string run(std::string_view text) {
    return run_script(text, [this](const std::string& line) { return run_line(line); });
  }

 private:
  enum class Port { kAnswers, kRefuses, kSilent };
  struct Process {
    SessionId session;
    std::string address;
    Port port = Port::kAnswers;
    bool beats = true;
    bool attached = false;
  };

  void begin() {
    registry_ = std::make_unique<Registry>(RegistryOptions{});
    uint64_t last = 0;
    for (const auto& [version, item] : log_) {
      last = version;
      Outputs ignored;
      const auto merged =
          registry_->step(MergeRecord{version, item.first, item.second}, now_, ignored);
      EXPECT_TRUE(merged.ok()) << merged.error().to_string();
    }
    Outputs ignored;
    static_cast<void>(registry_->step(FinishLoading{last}, now_, ignored));
    static_cast<void>(registry_->publish());
    silent_.clear();
  }

  std::string run_line(const std::string& line) {
    std::istringstream in(line);
    std::string verb;
    in >> verb;
    said_.clear();
    since_ms_ = now_.mono_ms;
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    if (verb == "advance") {
      advance(std::stoll(words.at(0)));
    } else if (verb == "pause") {
      pass(std::stoll(words.at(0)));
    } else if (verb == "restart") {
      begin();
    } else if (verb == "process") {
      add_process(words);
    } else if (verb == "release") {
      step(ReleaseBreaker{{kDefaultNamespace, words.at(0)}});
    } else if (verb == "report") {
      for (size_t i = 1; i < words.size(); ++i) {
        step(ReportInstance{{{kDefaultNamespace, "orders"}, words[0]}, words[i]});
      }
    } else if (verb == "shut" || verb == "open") {
      processes_.at(words.at(0)).port = verb == "shut" ? Port::kRefuses : Port::kAnswers;
    } else if (verb == "isolate") {
      SetOverride wanted;
      wanted.key = {{kDefaultNamespace, "orders"}, words.at(0)};
      wanted.out_of_service = true;
      wanted.by = "alice";
      step(wanted);
    } else {
      for (const std::string& name : words) change(verb, processes_.at(name));
      if (verb == "lossy") lossy_ = true;
    }
    show();
    return said_;
  }

  void add_process(const std::vector<std::string>& words) {
    const std::string& name = words.at(0);
    Process& process = processes_[name];
    process.session = {base::xxh64(name), 1};
    process.address = fmt::format("10.0.0.{}", processes_.size());
    std::string service = "orders";
    std::string zone;
    int count = 1;
    for (size_t i = 1; i < words.size(); ++i) {
      if (words[i].starts_with("zone=")) {
        zone = words[i].substr(5);
      } else if (words[i].starts_with("service=")) {
        service = words[i].substr(8);
      } else if (words[i].starts_with("at=")) {
        process.address = processes_.at(words[i].substr(3)).address;
      } else {
        count = std::stoi(words[i]);
      }
    }
    step(OpenSession{process.session, 6'000, name});
    for (int i = 1; i <= count; ++i) {
      RegisterInstance input;
      input.key = {{kDefaultNamespace, service}, fmt::format("{}-{}", name, i)};
      input.registration.address = process.address;
      input.registration.port = static_cast<uint16_t>(8'000 + i);
      input.registration.zone = zone;
      input.registration.holder = {HolderKind::kSession, process.session, 0};
      step(input);
    }
  }

  void change(const std::string& verb, Process& process) {
    if (verb == "attach") {
      process.attached = true;
      step(AttachSession{process.session});
      return;
    }
    process.beats = verb == "back";
    process.port = verb == "kill"   ? Port::kRefuses
                   : verb == "lose" ? Port::kSilent
                                    : Port::kAnswers;
    if (verb == "kill" && std::exchange(process.attached, false)) {
      step(DetachSession{process.session, DetachSession::How::kBroken});
    }
    if (verb == "back") step(RefreshSession{process.session});
  }

  void pass(int64_t ms) {
    now_.mono_ms += ms;
    now_.wall_ms += ms;
  }

  void advance(int64_t for_ms) {
    constexpr int64_t kTickMs = 100;
    for (int64_t left_ms = for_ms; left_ms > 0; left_ms -= kTickMs) {
      pass(kTickMs);
      while (!silent_.empty() && silent_.begin()->first <= now_.mono_ms) {
        const uint64_t ticket = silent_.begin()->second;
        silent_.erase(silent_.begin());
        step(ProbeResult{ticket, ProbeResult::Outcome::kSilent});
      }
      if (now_.mono_ms % 2'000 == 0) {
        const bool lost = lossy_ && now_.mono_ms % 4'000 == 0;
        for (auto& [name, process] : processes_) {
          if (lost || !process.beats || process.attached) continue;
          process.beats = step(RefreshSession{process.session});
        }
      }
      step(AdvanceTime{});
      show();
    }
  }

  bool step(const Input& input) {
    Outputs out;
    const auto reply = registry_->step(input, now_, out);
    if (!reply.ok()) say(fmt::format("refused {}", base::name_of(reply.error().code)));
    for (const SessionEnded& ended : out.sessions_ended) {
      say(fmt::format("ended {} instances={}", name_of(ended.cause), ended.instances));
    }
    for (size_t i = 0; i < out.records.size(); ++i) {
      log_[out.records[i].version] = {std::string(out.records[i].key),
                                      std::string(out.records[i].value)};
    }
    for (const Probe& probe : out.probes) answer(probe);
    return reply.ok();
  }

  void answer(const Probe& probe) {
    using Outcome = ProbeResult::Outcome;
    Port port = Port::kSilent;
    for (const auto& [name, process] : processes_) {
      if (process.address == probe.address) port = process.port;
    }
    if (port == Port::kSilent) {
      silent_.emplace(now_.mono_ms + probe.timeout_ms, probe.ticket);
    } else {
      step(ProbeResult{probe.ticket,
                       port == Port::kAnswers ? Outcome::kAnswered : Outcome::kRefused});
    }
  }

  void show() {
    for (const ServicePublished& published : registry_->publish()) {
      if (!published.view) continue;
      std::map<InstanceState, int> states;
      std::string entries;
      uint64_t digest = 0;
      published.view->list.for_each([&](const ListEntry& entry) {
        entries += " " + text_of(entry);
        ++states[entry.state()];
        digest += entry.digest_part();
      });
      if (published.view->list.size() > 4) {
        entries.clear();
        for (const auto& [state, count] : states) {
          entries += fmt::format(" {} {}", count, name_of(state));
        }
      }
      say(published.view->key.name + ":" + (entries.empty() ? " nothing" : entries) +
          (digest == published.view->digest ? "" : " WRONG DIGEST"));
    }
  }

  void say(const std::string& text) {
    const int64_t after_ms = now_.mono_ms - since_ms_;
    said_ +=
        after_ms == 0 ? fmt::format("  {}\n", text) : fmt::format("  {} ms: {}\n", after_ms, text);
  }

  std::unique_ptr<Registry> registry_;
  base::Now now_{1'000'000, 1'700'000'000'000};
  std::map<uint64_t, std::pair<std::string, std::string>> log_;
  std::map<std::string, Process> processes_;
  std::set<std::pair<int64_t, uint64_t>> silent_;  // when each probe times out
  std::string said_;
  int64_t since_ms_ = 0;
  bool lossy_ = false;
};

struct Transcript {
  const char* name;
  const char* text;
};

std::ostream& operator<<(std::ostream& out, const Transcript& transcript) {
  return out << transcript.name;
}

class LivenessRules : public testing::TestWithParam<Transcript> {};

TEST_P(LivenessRules, GiveTheExpectedTranscript) {
  LivenessScript script;
  EXPECT_EQ(script.run(GetParam().text), std::string(GetParam().text).substr(1));
}

const Transcript kTranscripts[] = {
    {"AKilledProcessWithAConnectionIsSuspectAndDownAtOnce", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> attach p
> kill p
  orders: p-1[down] q-1
> advance 12000
  10000 ms: ended probe_refused instances=1
  10000 ms: orders: q-1
> advance 60000
)"},
    {"AKilledProcessWithHeartbeatsIsMissedAfterThree", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> advance 4000
> kill p
> advance 20000
  6100 ms: orders: p-1[down] q-1
  16100 ms: ended probe_refused instances=1
  16100 ms: orders: q-1
)"},
    {"ALostHostIsDownAfterABurstAndRemovedWithinTheBudget", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> process r
  orders: p-1 q-1 r-1
> advance 4000
> lose p
> advance 60000
  6100 ms: orders: p-1[suspect] q-1 r-1
  7600 ms: orders: p-1[down] q-1 r-1
  37600 ms: ended probe_timed_out instances=1
  37600 ms: orders: q-1 r-1
)"},
    {"WhoAnswersWithoutHeartbeatsIsUnattendedAndComesBack", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> hang p
> advance 30000
  6100 ms: orders: p-1[unattended] q-1
> back p
  orders: p-1 q-1
> advance 10000
> hang p
> advance 10000
  6100 ms: orders: p-1[unattended] q-1
> lose p
> advance 20000
  600 ms: orders: p-1[suspect] q-1
  2100 ms: orders: p-1[down] q-1
> back p
  orders: p-1 q-1
)"},
    {"AnotherProcessAtTheSameAddressRemovesTheUnattended", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> hang p
> advance 10000
  6100 ms: orders: p-1[unattended] q-1
> process s at=p
  orders: p-1[unattended] q-1 s-1
> advance 40000
  100 ms: ended address_taken instances=1
  100 ms: orders: q-1 s-1
)"},
    {"SixOfTenReallyKilledAreRemovedPromptlyAndThenTheRest", R"(
> process a 3
  orders: a-1 a-2 a-3
> process b 3
  orders: 6 up
> process c 4
  orders: 10 up
> attach a
> attach b
> attach c
> kill a b
  orders: 4 up 6 down
> advance 12000
  10000 ms: ended probe_refused instances=3
  10000 ms: ended probe_refused instances=3
  10000 ms: orders: c-1 c-2 c-3 c-4
> kill c
  orders: c-1[down] c-2[down] c-3[down] c-4[down]
> advance 12000
  10000 ms: ended probe_refused instances=4
  10000 ms: orders: nothing
)"},
    {"SixOfTenUnreachableAreServedOn", R"(
> process a
  orders: a-1
> process b
  orders: a-1 b-1
> process c
  orders: a-1 b-1 c-1
> process d
  orders: a-1 b-1 c-1 d-1
> process e
  orders: 5 up
> process f
  orders: 6 up
> process g
  orders: 7 up
> process h
  orders: 8 up
> process i
  orders: 9 up
> process j
  orders: 10 up
> advance 2000
> lose a b c d e f
> advance 60000
  6100 ms: orders: 4 up 6 suspect
  7600 ms: orders: 4 up 1 down 5 protected
  8100 ms: orders: 4 up 6 protected
  37600 ms: ended probe_timed_out instances=1
  37600 ms: orders: 4 up 5 protected
> advance 240000
  37600 ms: ended probe_timed_out instances=1
  37600 ms: orders: 4 up 4 protected
  97600 ms: ended probe_timed_out instances=1
  97600 ms: orders: 4 up 3 protected
  157600 ms: ended probe_timed_out instances=1
  157600 ms: orders: 4 up 2 protected
  217600 ms: ended probe_timed_out instances=1
  217600 ms: orders: 4 up 1 protected
> back a b c d e f
  refused not_found
  refused not_found
  refused not_found
  refused not_found
  refused not_found
  orders: 5 up
> advance 10000
  2000 ms: refused not_found
  2000 ms: refused not_found
  2000 ms: refused not_found
  2000 ms: refused not_found
  2000 ms: refused not_found
)"},
    {"AnOperatorReleasesTheBreaker", R"(
> process a
  orders: a-1
> process b
  orders: a-1 b-1
> process c
  orders: a-1 b-1 c-1
> process d
  orders: a-1 b-1 c-1 d-1
> advance 2000
> lose a b c
> advance 45000
  6100 ms: orders: a-1[suspect] b-1[suspect] c-1[suspect] d-1
  7600 ms: orders: a-1[down] b-1[protected] c-1[protected] d-1
  8100 ms: orders: a-1[protected] b-1[protected] c-1[protected] d-1
  37600 ms: ended probe_timed_out instances=1
  37600 ms: orders: b-1[protected] c-1[protected] d-1
> restart
> advance 60000
> release orders
> advance 2000
  600 ms: ended probe_timed_out instances=1
  600 ms: ended probe_timed_out instances=1
  600 ms: orders: d-1
)"},
    {"AZoneHasABreakerOfItsOwn", R"(
> process a zone=x
  orders: a-1
> process b zone=x
  orders: a-1 b-1
> process c 18 zone=y
  orders: 20 up
> advance 2000
> lose a b
> advance 50000
  6100 ms: orders: 18 up 2 suspect
  7600 ms: orders: 18 up 1 down 1 protected
  8100 ms: orders: 18 up 2 protected
  37600 ms: ended probe_timed_out instances=1
  37600 ms: orders: 18 up 1 protected
)"},
    {"ARegistryThatStoodStillRemovesNobody", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> process r
  orders: p-1 q-1 r-1
> advance 2000
> pause 30000
> advance 10000
> lose p
> advance 30000
  6100 ms: orders: p-1[suspect] q-1 r-1
  7600 ms: orders: p-1[down] q-1 r-1
> pause 20000
> advance 10000
)"},
    {"WhoHearsTooLittleRemovesNobodyForSilenceForTenMinutes", R"(
> process a 2
  orders: a-1 a-2
> process b 2
  orders: a-1 a-2 b-1 b-2
> process c
  orders: 5 up
> process d
  orders: 6 up
> process e
  orders: 7 up
> process f
  orders: 8 up
> process g
  orders: 9 up
> process h
  orders: 10 up
> process i
  orders: 11 up
> process j
  orders: 12 up
> process k
  orders: 13 up
> process l
  orders: 14 up
> process m
  orders: 15 up
> process n
  orders: 16 up
> process o
  orders: 17 up
> process p
  orders: 18 up
> process q
  orders: 19 up
> process r
  orders: 20 up
> process s
  orders: 21 up
> process t
  orders: 22 up
> process u
  orders: 23 up
> process v
  orders: 24 up
> lossy
> advance 8000
> lose v
> advance 60000
  4100 ms: orders: 23 up 1 suspect
  5600 ms: orders: 23 up 1 down
> attach u
> kill u
  orders: 22 up 2 down
> advance 12000
  10000 ms: ended probe_refused instances=1
  10000 ms: orders: 22 up 1 down
> advance 480000
> advance 60000
  44600 ms: ended probe_timed_out instances=1
  44600 ms: orders: 22 up
)"},
    {"ThreeConsumersCauseAProbeAndRemoveNobody", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> advance 2000
> report p-1 x y x y
> advance 3000
> report p-1 x y z
> advance 3000
> shut p
> report p-1 x y z
> advance 60000
  100 ms: orders: p-1[down] q-1
> open p
> advance 30000
  2100 ms: orders: p-1 q-1
> shut p
> report p-1 x y z
> advance 3000
  100 ms: orders: p-1[down] q-1
> kill p
> advance 20000
  15100 ms: ended probe_refused instances=1
  15100 ms: orders: q-1
)"},
    {"ARefusedOneIsStillRemovedAfterARestart", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> attach p
> attach q
> kill p
  orders: p-1[down] q-1
> advance 3000
> restart
> advance 30000
  6100 ms: orders: p-1[down] q-1[unattended]
  16100 ms: ended probe_refused instances=1
  16100 ms: orders: q-1[unattended]
)"},
    {"OneOutOfServiceCountsOnNeitherSide", R"(
> process a
  orders: a-1
> process b
  orders: a-1 b-1
> process c
  orders: a-1 b-1 c-1
> process d
  orders: a-1 b-1 c-1 d-1
> isolate a-1
  orders: a-1[out_of_service] b-1 c-1 d-1
> isolate b-1
  orders: a-1[out_of_service] b-1[out_of_service] c-1 d-1
> lose a b
> advance 50000
  37600 ms: ended probe_timed_out instances=1
  37600 ms: ended probe_timed_out instances=1
  37600 ms: orders: c-1 d-1
)"},
};

INSTANTIATE_TEST_SUITE_P(Rules, LivenessRules, testing::ValuesIn(kTranscripts),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace callbook::core
