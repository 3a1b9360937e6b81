#pragma once

#include <algorithm>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "core/registry.h"
#include "core/test_script_text.h"

namespace callbook::core {

/// Runs a registry from lines of commands and writes down what came of each, for tests that are
/// tables of commands and expected outputs. Commands: see run_line(). Sessions have names of one
/// word; time stands still until `advance`.
class Script {
 public:
  explicit Script(RegistryOptions options = {}) : registry_(without_probes(std::move(options))) {
    static_cast<void>(registry_.step(FinishLoading{}, now_, outputs_));
  }

  /// Runs each line of `text` that begins with "> "; gives back those lines, each followed by its
  /// outputs.
  std::string run(std::string_view text) {
    return run_script(text, [this](const std::string& line) { return run_line(line); });
  }

  Registry& registry() { return registry_; }
  base::Now& now() { return now_; }
  const std::vector<std::pair<std::string, std::string>>& records() const { return records_; }

  static SessionId session(const std::string& name) {
    return {base::xxh64(name), name.empty() ? 0u : static_cast<uint64_t>(name[0])};
  }

 private:
  using Words = std::map<std::string, std::string>;

  std::string run_line(const std::string& line) {
    std::istringstream in(line);
    std::string verb;
    in >> verb;
    std::vector<std::string> plain;
    Words named;
    for (std::string word; in >> word;) {
      const size_t equals = word.find('=');
      if (equals == std::string::npos) {
        plain.push_back(word);
      } else {
        named[word.substr(0, equals)] = word.substr(equals + 1);
      }
    }
    if (verb == "list") return show_list(plain.at(0));
    if (verb == "advance") {
      return advance(std::stoll(plain.at(0)));
    }
    if (verb == "register") return step(registration(plain, named));
    if (verb == "deregister") {
      const int64_t drain_ms = named.contains("drain") ? std::stoll(named["drain"]) : 0;
      return step(DeregisterInstance{
          instance(plain.at(0)), {}, {}, drain_ms, named["by"], named["reason"]});
    }
    if (verb == "status") {
      return step(SetStatus{instance(plain.at(0)), *provider_state_from(plain.at(1)), named["text"],
                            named.contains("session") ? session(named["session"]) : SessionId{}});
    }
    if (verb == "refresh" && plain.at(0).find('/') != std::string::npos) {
      return step(RefreshInstance{instance(plain.at(0))});
    }
    if (verb == "override") return step(set_override(plain, named));
    if (verb == "restore") {
      return step(RemoveOverride{instance(plain.at(0)), named["by"], named["reason"]});
    }
    const SessionId id = session(plain.at(0));
    if (verb == "open") {
      const int64_t ttl_ms = named.contains("ttl") ? std::stoll(named["ttl"]) : 0;
      const ProcessFacts facts{named.contains("speaks"), named["process"], 0};
      return step(OpenSession{id, ttl_ms, plain.at(0), {}, facts});
    }
    if (verb == "tied") return step(CheckTie{id});
    if (verb == "resume") return step(ResumeSession{id});
    if (verb == "refresh") return step(RefreshSession{id});
    if (verb == "attach") return step(AttachSession{id});
    if (verb == "detach") return step(DetachSession{id});
    if (verb == "close") return step(CloseSession{id});
    return "  unknown command\n";
  }

  /// As the running node does: ten times a second.
  std::string advance(int64_t by_ms) {
    constexpr int64_t kTickMs = 100;
    std::string out;
    for (int64_t left_ms = by_ms; left_ms > 0; left_ms -= kTickMs) {
      now_.mono_ms += std::min(left_ms, kTickMs);
      now_.wall_ms += std::min(left_ms, kTickMs);
      out += step(AdvanceTime{});
    }
    return out;
  }

  static InstanceKey instance(const std::string& text) {
    const size_t slash = text.find('/');
    return {{kDefaultNamespace, text.substr(0, slash)}, text.substr(slash + 1)};
  }

  static RegisterInstance registration(const std::vector<std::string>& plain, Words& named) {
    RegisterInstance input;
    input.key = instance(plain.at(0));
    Registration& made = input.registration;
    made.address = named.contains("address") ? named["address"] : "10.0.0.1";
    made.port = static_cast<uint16_t>(named.contains("port") ? std::stoi(named["port"]) : 80);
    if (named.contains("zone")) made.zone = named["zone"];
    if (named.contains("meta")) made.metadata = *Metadata::from({{"m", named["meta"]}});
    if (named.contains("session")) {
      made.holder = {HolderKind::kSession, session(named["session"]), 0};
    } else if (named.contains("ttl")) {
      made.holder = {HolderKind::kTtl, {}, std::stoll(named["ttl"])};
    }
    if (named.contains("status")) input.status = provider_state_from(named["status"]);
    input.take_over = named.contains("take_over");
    return input;
  }

  static SetOverride set_override(const std::vector<std::string>& plain, Words& named) {
    SetOverride input;
    input.key = instance(plain.at(0));
    if (named.contains("weight")) input.weight = static_cast<uint32_t>(std::stoul(named["weight"]));
    input.out_of_service = plain.size() > 1 && plain[1] == "out_of_service";
    input.by = named["by"];
    input.reason = named["reason"];
    return input;
  }

  std::string step(const Input& input) {
    const auto reply = registry_.step(input, now_, outputs_);
    std::string out = reply.ok() ? show(*reply)
                                 : "  refused " + std::string(base::name_of(reply.error().code)) +
                                       " " + reply.error().field + "\n";
    for (const SessionEnded& ended : outputs_.sessions_ended) out += show(Reply(ended));
    if (outputs_.instances_expired > 0)
      out += fmt::format("  {} own TTLs lapsed\n", outputs_.instances_expired);
    if (!outputs_.records.empty()) out += fmt::format("  stored {}\n", outputs_.records.size());
    for (size_t i = 0; i < outputs_.records.size(); ++i) {
      const auto item = outputs_.records[i];
      records_.emplace_back(item.key, item.value);
    }
    outputs_.clear();
    for (const ServicePublished& published : registry_.publish()) out += show(published);
    return out;
  }

  static std::string show(const Reply& reply) {
    struct Shower {
      std::string operator()(const Done&) { return ""; }
      std::string operator()(const SessionOpened& o) {
        return fmt::format("  opened ttl={} heartbeat={} epoch={}\n", o.ttl_ms, o.heartbeat_ms,
                           o.epoch);
      }
      std::string operator()(const SessionRefreshed& r) {
        return fmt::format("  refreshed ttl={}\n", r.ttl_ms);
      }
      std::string operator()(const SessionEnded& e) {
        return fmt::format("  ended {} instances={}\n", name_of(e.cause), e.instances);
      }
      std::string operator()(const InstanceRegistered& r) {
        constexpr std::string_view kNames[] = {"created", "updated", "unchanged"};
        return fmt::format("  {}\n", kNames[static_cast<int>(r.effect)]);
      }
      std::string operator()(const InstanceRefreshed& r) {
        return fmt::format("  refreshed ttl={}\n", r.ttl_ms);
      }
      std::string operator()(const InstanceDeregistered&) { return "  deregistered\n"; }
      std::string operator()(const TieChecked& t) {
        std::string out = "  tied\n";
        for (const TakenOut& taken : t.taken_out) {
          out += fmt::format("  taken out {}/{}: {} by {} ({})\n", taken.instance.service.name,
                             taken.instance.id, name_of(taken.action), taken.by, taken.reason);
        }
        return out;
      }
      std::string operator()(const StatusSet&) { return "  status set\n"; }
      std::string operator()(const OverrideChanged&) { return "  overridden\n"; }
      std::string operator()(const BreakerReleased&) { return "  released\n"; }
      std::string operator()(const InstanceReported&) { return "  reported\n"; }
      std::string operator()(const RecordsRead&) { return "  read\n"; }
      std::string operator()(const StampRead&) { return "  read\n"; }
      std::string operator()(const ChecksRead&) { return "  read\n"; }
    };
    return std::visit(Shower(), reply);
  }

  static std::string show(const ServicePublished& published) {
    if (!published.view) return "  forgotten\n";
    const ServiceView& view = *published.view;
    std::string out = fmt::format("  published {}:", view.key.name);
    uint64_t digest = 0;
    view.list.for_each([&](const ListEntry& entry) {
      out += " " + text_of(entry);
      digest += entry.digest_part();
    });
    if (view.list.empty()) {
      out += " nothing;";
      for (uint8_t cause = 0; cause < kCauseCount; ++cause) {
        if (view.departures[cause] > 0)
          out += fmt::format(" {}={}", name_of(static_cast<Cause>(cause)), view.departures[cause]);
      }
    }
    return out + (digest == view.digest ? "\n" : " WRONG DIGEST\n");
  }

  std::string show_list(const std::string& service) {
    const Counted counted{registry_.counts()};
    return fmt::format("  {}: services={} instances={} sessions={} tombstones={}\n", service,
                       counted.c.services, counted.c.instances, counted.c.sessions,
                       counted.c.tombstones);
  }
  struct Counted {
    Registry::Counts c;
  };

  Registry registry_;
  base::Now now_{1'000'000, 1'700'000'000'000};
  Outputs outputs_;
  std::vector<std::pair<std::string, std::string>> records_;
};

}  // namespace callbook::core
