#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "core/check_set.h"
#include "core/registration_extras.h"
#include "core/registry.h"
#include "core/test_script_text.h"

namespace callbook::core {

/// A registry with providers that send heartbeats every two seconds and listen on ports, run from
/// lines of commands; after each stands what consumers see, with the time since its beginning.
///
///   process p [n] [zone=z] [service=s] [at=q] [speaks] [shares] [host=7] [address=127.0.0.1]
///                          opens session p and registers s/p-1 … s/p-n; again: more of it
///   attach p               ties the session to a connection (no heartbeats, unless it speaks)
///   ttl t [down=ms] [remove=ms] [noprobe]
///                          registers orders/t-1 with a TTL of 6 s and, if given, a lapse rule
///   kill p…                the process is gone: connections break, ports refuse
///   lose p…                the host is gone: nothing breaks, nothing answers
///   hang p…                no heartbeats, but the ports answer
///   back p…                heartbeats again, and the ports answer
///   lossy                  from now on every other heartbeat gets lost
///   shut p [port] | open p [port]
///                          its ports, or one, refuse, though it goes on to send heartbeats; or
///                          answer again
///   fail p [port]          they answer HTTP with an error
///   check c tcp|http [interval=] [failures=] [successes=] [remove=]
///                          registers orders/c-1 to be checked; again: the same with another rule
///   checks c web=http:8001 admin=tcp:8002@4000 … [failures=] [successes=] [remove=]
///                          the same with several checks, at these ports, every so many ms (2,000)
///   results                what the checks of orders say
///   status p-1 up|starting|not_ready|failing
///                          what its provider says of p-1
///   deregister p-1         whoever holds it
///   isolate p-1            an operator takes it out of service
///   report p-1 x y…        consumers x, y… say that calls to p-1 fail
///   restart                of the registry, from what it stored
///   pause 3000             the registry stands still
///   advance 3000 | release s
class LivenessScript {
 public:
  explicit LivenessScript(RegistryOptions options = {}) : options_(std::move(options)) { begin(); }

  std::string run(std::string_view text) {
    return run_script(text, [this](const std::string& line) { return run_line(line); });
  }

 private:
  enum class Port { kAnswers, kRefuses, kSilent, kFails };
  struct Process {
    SessionId session;
    std::string address;
    Port port = Port::kAnswers;
    std::map<uint16_t, Port> ports = {};  ///< those that are otherwise
    bool beats = true;
    bool attached = false;
    bool speaks = false;
    bool own_ttl = false;
  };

  void begin() {
    registry_ = std::make_unique<Registry>(options_);
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
    } else if (verb == "shut" || verb == "open" || verb == "fail") {
      const Port port = verb == "shut"   ? Port::kRefuses
                        : verb == "fail" ? Port::kFails
                                         : Port::kAnswers;
      Process& process = processes_.at(words.at(0));
      (words.size() > 1 ? process.ports[static_cast<uint16_t>(std::stoul(words[1]))]
                        : process.port) = port;
    } else if (verb == "ttl") {
      add_ttl(words);
    } else if (verb == "deregister") {
      step(DeregisterInstance{{{kDefaultNamespace, "orders"}, words.at(0)}, {}});
    } else if (verb == "status") {
      step(SetStatus{{{kDefaultNamespace, "orders"}, words.at(0)},
                     *provider_state_from(words.at(1)),
                     "so it says"});
    } else if (verb == "check" || verb == "checks") {
      add_checked(words, verb == "checks");
    } else if (verb == "results") {
      show_results();
    } else if (verb == "isolate") {
      SetOverride wanted;
      wanted.key = {{kDefaultNamespace, "orders"}, words.at(0)};
      wanted.out_of_service = true;
      wanted.by = "alice";
      step(wanted);
    } else {
      for (const std::string& name : words) change(verb, name, processes_.at(name));
      if (verb == "lossy") lossy_ = true;
    }
    show();
    return said_;
  }

  /// A new one is at an address of its own.
  Process& process_of(const std::string& name) {
    const auto [found, added] = processes_.try_emplace(name);
    if (added) found->second.address = fmt::format("10.0.0.{}", processes_.size());
    return found->second;
  }

  void add_process(const std::vector<std::string>& words) {
    const std::string& name = words.at(0);
    const bool known = processes_.contains(name);
    Process& process = process_of(name);
    process.session = {base::xxh64(name), 1};
    std::string service = "orders";
    std::string zone;
    int count = 1;
    RegistrationExtras extras;
    ProcessFacts facts;
    for (size_t i = 1; i < words.size(); ++i) {
      if (words[i].starts_with("zone=")) {
        zone = words[i].substr(5);
      } else if (words[i].starts_with("service=")) {
        service = words[i].substr(8);
      } else if (words[i].starts_with("at=")) {
        process.address = processes_.at(words[i].substr(3)).address;
      } else if (words[i].starts_with("address=")) {
        process.address = words[i].substr(8);
      } else if (words[i].starts_with("host=")) {
        facts.host = std::stoull(words[i].substr(5));
      } else if (words[i] == "speaks") {
        process.speaks = facts.speaks = true;
      } else if (words[i] == "shares") {
        extras.shares_port = true;
      } else {
        count = std::stoi(words[i]);
      }
    }
    if (!known) step(OpenSession{process.session, 6'000, name, {}, facts});
    for (int i = 1; i <= count; ++i) {
      RegisterInstance input;
      input.key = {{kDefaultNamespace, service}, fmt::format("{}-{}", name, i)};
      input.registration.address = process.address;
      input.registration.port = static_cast<uint16_t>(8'000 + i);
      input.registration.zone = zone;
      input.registration.holder = {HolderKind::kSession, process.session, 0};
      input.registration.extras = encode(extras);
      step(input);
    }
  }

  void add_ttl(const std::vector<std::string>& words) {
    const std::string& name = words.at(0);
    Process& process = process_of(name);
    process.own_ttl = true;
    Lapse lapse;
    bool has_rule = false;
    for (size_t i = 1; i < words.size(); ++i) {
      const std::string value = words[i].substr(words[i].find('=') + 1);
      has_rule = true;
      if (words[i].starts_with("down=")) lapse.down_after_ms = std::stoll(value);
      if (words[i].starts_with("remove=")) lapse.remove_after_ms = std::stoll(value);
      if (words[i] == "noprobe") lapse.probe = false;
    }
    RegisterInstance input;
    input.key = {{kDefaultNamespace, "orders"}, name + "-1"};
    input.registration.address = process.address;
    input.registration.port = 8'000;
    input.registration.holder = {HolderKind::kTtl, {}, 6'000};
    RegistrationExtras extras;
    if (has_rule) extras.lapse = lapse;
    input.registration.extras = encode(extras);
    step(input);
  }

  bool speak(const std::string& name, const Process& process) {
    if (!process.own_ttl) return step(RefreshSession{process.session});
    return step(RefreshInstance{{{kDefaultNamespace, "orders"}, name + "-1"}});
  }

  void add_checked(const std::vector<std::string>& words, bool several) {
    const std::string& name = words.at(0);
    Process& process = process_of(name);
    process.beats = false;
    RegisterInstance input;
    input.key = {{kDefaultNamespace, "orders"}, name + "-1"};
    input.registration.address = process.address;
    input.registration.port = 8'000;
    input.registration.holder = {HolderKind::kTtl, {}, 2'000};
    CheckRule usual;
    int64_t interval_ms = 2'000;
    std::vector<NamedCheck> checks;
    std::vector<std::pair<std::string, uint16_t>> named;
    for (size_t i = 1; i < words.size(); ++i) {
      const std::string name_of_value = words[i].substr(0, words[i].find('='));
      const std::string value = words[i].substr(words[i].find('=') + 1);
      if (name_of_value == "interval") {
        interval_ms = std::stoll(value);
      } else if (name_of_value == "failures") {
        usual.failures = static_cast<uint32_t>(std::stoul(value));
      } else if (name_of_value == "successes") {
        usual.successes = static_cast<uint32_t>(std::stoul(value));
      } else if (name_of_value == "remove") {
        usual.remove_after_ms = std::stoll(value);
      } else {
        checks.push_back({several ? name_of_value : "check", interval_ms, rule_from(value)});
        named.emplace_back("p" + std::to_string(i), checks.back().rule.port);
        const size_t at = value.find('@');
        if (at != std::string::npos) checks.back().interval_ms = std::stoll(value.substr(at + 1));
      }
    }
    for (NamedCheck& check : checks) {
      check.rule.failures = usual.failures;
      check.rule.successes = usual.successes;
      check.rule.remove_after_ms = usual.remove_after_ms;
      if (!several) check.interval_ms = interval_ms;
    }
    std::vector<NamedPorts::Pair> ports(named.begin(), named.end());
    if (several) input.registration.ports = *NamedPorts::from(std::move(ports));
    StoredChecks stored = stored_form(*check_set(checks));
    input.registration.holder.ttl_ms = stored.interval_ms;
    input.registration.check = stored.rule;
    RegistrationExtras extras;
    extras.checks = stored.set;
    input.registration.extras = encode(extras);
    step(input);
  }

  /// "http:8001", or "tcp" for the instance's own port.
  static CheckRule rule_from(const std::string& text) {
    CheckRule rule;
    if (text.starts_with("http")) rule.kind = CheckRule::Kind::kHttp, rule.path = "/health";
    const size_t colon = text.find(':');
    if (colon != std::string::npos) {
      rule.port = static_cast<uint16_t>(std::stoul(text.substr(colon + 1)));
    }
    return rule;
  }

  void show_results() {
    constexpr std::string_view kStatuses[] = {"unknown", "passing", "failing"};
    Outputs out;
    std::string after;
    do {
      const auto reply =
          registry_->step(ReadChecks{{kDefaultNamespace, "orders"}, after, 2}, now_, out);
      ASSERT_TRUE(reply.ok()) << reply.error().to_string();
      const ChecksRead::Part& part = *std::get<ChecksRead>(*reply).part;
      for (const CheckReport& one : part.checks) {
        say(fmt::format("{} {} {} {}:{} {} {} ms ago, failures={}, '{}', at {}", one.id, one.name,
                        name_of(one.rule->kind), one.address, one.port,
                        kStatuses[static_cast<size_t>(one.status)], one.checked_ms_ago,
                        one.failures, one.output, one.home));
      }
      after = part.next;
    } while (!after.empty());
  }

  void change(const std::string& verb, const std::string& name, Process& process) {
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
    if (verb == "back") speak(name, process);
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
          if (lost || !process.beats || (process.attached && !process.speaks)) continue;
          process.beats = speak(name, process);
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
      if (process.address != probe.address) continue;
      const auto otherwise = process.ports.find(probe.port);
      port = otherwise == process.ports.end() ? process.port : otherwise->second;
    }
    if (port == Port::kSilent) {
      silent_.emplace(now_.mono_ms + probe.timeout_ms, probe.ticket);
    } else {
      const bool fails = port == Port::kFails && probe.rule != nullptr;
      step(ProbeResult{probe.ticket, port == Port::kRefuses ? Outcome::kRefused
                                     : fails                ? Outcome::kFailed
                                                            : Outcome::kAnswered});
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

  const RegistryOptions options_;
  std::unique_ptr<Registry> registry_;
  base::Now now_{1'000'000, 1'700'000'000'000};
  std::map<uint64_t, std::pair<std::string, std::string>> log_;
  std::map<std::string, Process> processes_;
  std::set<std::pair<int64_t, uint64_t>> silent_;  // when each probe times out
  std::string said_;
  int64_t since_ms_ = 0;
  bool lossy_ = false;
};

}  // namespace callbook::core
