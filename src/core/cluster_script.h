#pragma once

#include <array>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/registry.h"
#include "core/test_script_text.h"

namespace callbook::core {

/// Several registries and a perfect bus between them, run from lines of commands that are written
/// down with what came of them: golden transcripts of the rules between nodes. Faults come from
/// commands only; for chance and time there is the simulator.
///
///   start A            a node with an empty store joins (or, after `kill A`, one with its records)
///   start A asks       likewise, but it neither beats nor serves before it is told:
///   A announces | A owns   how far it is with finding out whether its name is free
///   start A2 name=A    a node of another's name
///   A open s1 [process=one]   as in script_test.h, at node A
///   A register orders/o-1 session=s1|ttl=6000 [meta=…] [port=81] [insist=yes]
///   … lapse=30000      with a lapse rule that removes it then; lists show it as "~30000"
///   A say orders/o-1 status=not_ready   what its provider says of it
///   A deregister orders/o-1 | A resume s1 | …
///   A refresh s1 [epoch=2]   resume and attach likewise
///   A isolate orders/o-1 | A weigh orders/o-1 weight=7 | A restore orders/o-1
///   cut A | heal A     A from and to the bus (beats included)
///   clock A -3600000   moves A's wall clock
///   lines              from now on nodes reach each other directly too, whether cut or not
///   line A down|up     all that goes between A and others directly is lost
///   kill A             its memory is gone; its store stays
///   pause A | wake A   it stands still until it wakes, and first looks at the time; what the bus
///                      has for it comes as the time advances
///   recreate           the bus is made anew, empty
///   lose 2             the latest messages of the bus are gone, their versions are not
///   advance 5000       time passes, in ticks of 100 ms; all that is due is brought
///   show               what each node holds, and whether their digests agree
class ClusterScript {
 public:
  std::string run(std::string_view text) {
    return run_script(text, [this](const std::string& line) { return run_line(line); });
  }

  Registry& node(const std::string& name) { return *nodes_.at(name).registry; }
  /// What the nodes noted for their logs so far, in order, each with the node's name.
  const std::vector<std::pair<std::string, Incident>>& incidents() const { return incidents_; }

 private:
  struct Message {
    std::string key;
    std::string value;
  };
  struct BusStream {
    std::map<uint64_t, Message> messages;
    std::map<std::string, uint64_t> last_of;
    uint64_t last = 0;
  };
  struct Node {
    std::unique_ptr<Registry> registry;
    std::map<std::string, std::pair<uint64_t, std::string>> store;
    int64_t wall_offset_ms = 0;
    uint64_t boot = 0;
    bool connected = true;  ///< to the bus
    bool reached = true;    ///< by others, directly
    bool paused = false;
    bool runs() const { return registry && !paused; }
  };

  base::Now now(const Node& node) const {
    return {now_ms_, 1'700'000'000'000 + now_ms_ + node.wall_offset_ms};
  }

  std::string run_line(const std::string& line) {
    std::istringstream in(line);
    std::string first;
    in >> first;
    if (first == "start") {
      const std::string name = word(in);
      std::string node = name;
      bool asks = false;
      for (std::string flag; in >> flag;) {
        asks |= flag == "asks";
        if (flag.starts_with("name=")) node = flag.substr(5);
      }
      return start(name, node, asks);
    }
    if (first == "kill") return nodes_.at(word(in)).registry.reset(), "";
    if (first == "pause") return nodes_.at(word(in)).paused = true, "";
    if (first == "wake") {
      woken_ = &nodes_.at(word(in));
      woken_->paused = false;
      return step(*woken_, AdvanceTime{});
    }
    if (first == "cut") return connect(word(in), false);
    if (first == "heal") return connect(word(in), true);
    if (first == "recreate") return recreate();
    if (first == "lose") return lose(std::stoul(word(in)));
    if (first == "lines") return lines_ = true, "";
    if (first == "line") {
      Node& node = nodes_.at(word(in));
      node.reached = word(in) == "up";
      return "";
    }
    if (first == "show") return show();
    if (first == "advance") return advance(std::stoll(word(in)));
    if (first == "clock") {
      Node& node = nodes_.at(word(in));
      node.wall_offset_ms += std::stoll(word(in));
      return "";
    }
    std::string rest;
    std::getline(in, rest);
    std::string out = command(nodes_.at(first), rest);
    return out += pump();
  }

  static std::string word(std::istringstream& in) {
    std::string word;
    in >> word;
    return word;
  }

  std::string start(const std::string& name, const std::string& node_name, bool asks) {
    Node& node = nodes_[name];
    RegistryOptions options;
    options.node = node_name;
    options.asks_for_name = asks;
    options.clustered = true;
    options.boot = node.boot = ++boots_;
    options.timing.probe_rounds = 0;
    node.registry = std::make_unique<Registry>(options);
    std::map<uint64_t, std::string> by_version;
    for (const auto& [key, record] : node.store) by_version[record.first] = key;
    Outputs out;
    uint64_t last = 0;
    for (const auto& [version, key] : by_version) {
      last = version;
      static_cast<void>(node.registry->step(MergeRecord{version, key, node.store.at(key).second},
                                            now(node), out));
    }
    static_cast<void>(node.registry->step(FinishLoading{last}, now(node), out));
    return connect(name, true);
  }

  std::string connect(const std::string& name, bool connected) {
    Node& node = nodes_.at(name);
    node.connected = connected;
    if (!connected) return step(node, ReportBusLost{});
    std::string out = report(node);
    return out += pump();
  }

  std::string report(Node& node) {
    ReportBus heads;
    for (size_t s = 0; s < kStreamCount; ++s) heads.heads[s] = {generation_, streams_[s].last};
    return step(node, heads);
  }

  std::string recreate() {
    streams_ = {};
    ++generation_;
    std::string out;
    for (auto& [name, node] : nodes_) {
      if (node.runs() && node.connected) out += report(node);
    }
    return out + pump();
  }

  std::string lose(size_t count) {
    BusStream& stream = streams_[index_of(Stream::kTied)];
    for (; count > 0 && !stream.messages.empty(); --count) {
      const auto latest = std::prev(stream.messages.end());
      stream.last_of.erase(latest->second.key);
      stream.messages.erase(latest);
    }
    return "";
  }

  std::string advance(int64_t by_ms) {
    std::string out;
    for (int64_t left_ms = by_ms; left_ms > 0; left_ms -= 100) {
      now_ms_ += 100;
      for (auto& [name, node] : nodes_) {
        if (node.runs()) out += step(node, AdvanceTime{});
      }
      if (Node* woken = std::exchange(woken_, nullptr)) catch_up(*woken, out);
      out += pump();
    }
    return out;
  }

  /// The bus brings what the node has not read.
  void catch_up(Node& node, std::string& out) {
    for (size_t s = 0; s < kStreamCount; ++s) {
      deliver(node, s, node.registry->positions()[s].version, out);
    }
  }

  std::string command(Node& node, const std::string& line) {
    std::istringstream in(line);
    const std::string verb = word(in);
    const std::string what = word(in);
    std::map<std::string, std::string> named;
    for (std::string pair; in >> pair;) {
      named[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
    }
    if (verb == "open") {
      return step(node, OpenSession{session(what), 0, what, {}, {false, named["process"], 0}});
    }
    const auto epoch =
        named.contains("epoch") ? static_cast<uint32_t>(std::stoul(named["epoch"])) : 0;
    if (verb == "resume") return step(node, ResumeSession{session(what), epoch});
    if (verb == "refresh") return step(node, RefreshSession{session(what), epoch});
    if (verb == "attach") return step(node, AttachSession{session(what), epoch});
    if (verb == "close") return step(node, CloseSession{session(what)});
    if (verb == "announces") return step(node, ClaimName{ClaimName::Stage::kAnnouncing});
    if (verb == "owns") return step(node, ClaimName{ClaimName::Stage::kOwned});
    if (verb == "deregister") {
      DeregisterInstance removal{instance(what), {}, {}};
      if (named.contains("session")) removal.session = session(named["session"]);
      if (named.contains("drain")) removal.drain_ms = std::stoll(named["drain"]);
      removal.by = named["by"];
      return step(node, removal);
    }
    if (verb == "isolate") {
      return step(node, SetOverride{instance(what), {}, true, "alice", "broken"});
    }
    if (verb == "weigh") {
      const auto weight = static_cast<uint32_t>(std::stoul(named["weight"]));
      return step(node, SetOverride{instance(what), weight, false, "alice", ""});
    }
    if (verb == "say") {
      return step(node,
                  SetStatus{instance(what), *provider_state_from(named["status"]), {}, {}, {}});
    }
    if (verb == "restore") return step(node, RemoveOverride{instance(what), "bob", ""});
    RegisterInstance input;
    input.key = instance(what);
    input.registration.address = "10.0.0.1";
    input.registration.port = 80;
    if (named.contains("port")) {
      input.registration.port = static_cast<uint16_t>(std::stoul(named["port"]));
    }
    input.take_over = named.contains("insist");
    if (named.contains("meta")) {
      input.registration.metadata = *Metadata::from({{"m", named["meta"]}});
    }
    if (named.contains("session")) {
      input.registration.holder = {HolderKind::kSession, session(named["session"]), 0};
    }
    if (named.contains("lapse")) {
      RegistrationExtras extras;
      extras.lapse.emplace().remove_after_ms = std::stoll(named["lapse"]);
      input.registration.extras = encode(extras);
    }
    if (named.contains("ttl")) {
      input.registration.holder = {HolderKind::kTtl, {}, std::stoll(named["ttl"])};
    }
    return step(node, input);
  }

  static SessionId session(const std::string& name) { return {base::xxh64(name), 1}; }
  static InstanceKey instance(const std::string& text) {
    const size_t slash = text.find('/');
    return {{kDefaultNamespace, text.substr(0, slash)}, text.substr(slash + 1)};
  }

  /// One input to one node: what it stores is kept, what it says to others is queued.
  std::string step(Node& node, const Input& input) {
    Outputs out;
    const auto reply = node.registry->step(input, now(node), out);
    for (size_t i = 0; i < out.records.size(); ++i) {
      const auto item = out.records[i];
      node.store.erase(std::string(item.key));
      if (!item.value.empty()) {
        node.store[std::string(item.key)] = {item.version, std::string(item.value)};
      }
    }
    for (const Fetch& fetch : out.fetches) fetches_.emplace_back(&node, fetch);
    for (const Incident& incident : out.incidents.all()) {
      incidents_.emplace_back(node.registry->options().node, incident);
    }
    if (!out.beat.empty()) beats_.emplace_back(&node, out.beat);
    for (DirectBatch& batch : out.direct) direct_.emplace_back(&node, std::move(batch));
    if (out.wants_snapshot) snapshots_.push_back(&node);
    std::string text;
    if (!reply.ok()) text = fmt::format("  refused {}\n", base::name_of(reply.error().code));
    for (const ServicePublished& published : node.registry->publish()) {
      text += fmt::format("  {}: {}\n", node.registry->options().node, list_of(published));
    }
    return text;
  }

  static std::string list_of(const ServicePublished& published) {
    if (!published.view) return "forgotten";
    std::string text = published.view->key.name + " =";
    published.view->list.for_each([&](const ListEntry& entry) {
      text += " " + text_of(entry);
      const PackedBody body(entry.instance().packed(), *published.view->interner);
      body.for_each_metadata(
          [&](std::string_view, std::string_view value) { text += fmt::format("({})", value); });
      const auto extras = decode_extras(body.extras());
      if (extras && extras->lapse) text += fmt::format("~{}", extras->lapse->remove_after_ms);
    });
    if (!published.view->list.empty()) return text;
    for (uint8_t cause = 0; cause < kCauseCount; ++cause) {
      if (published.view->departures[cause] > 0) {
        text += fmt::format(" [{}]", name_of(static_cast<Cause>(cause)));
      }
    }
    return text;
  }

  /// Brings everything that is on its way, until nothing is.
  std::string pump() {
    std::string out;
    for (bool busy = true; busy;) {
      busy = false;
      for (auto& [name, node] : nodes_) {
        if (node.runs() && node.connected) busy |= publish(node, out);
      }
      busy |= bring(out);
    }
    return out;
  }

  bool publish(Node& node, std::string& out) {
    Publications publications;
    node.registry->publish_due(now(node), publications);
    bool any = false;
    for (size_t s = 0; s < kStreamCount; ++s) {
      for (size_t i = 0; i < publications[s].size(); ++i) {
        const auto item = publications[s][i];
        append(streams_[s], std::string(item.key), std::string(item.value));
        out += step(node, SettlePublication{item.version, true});
        any = true;
        push(s, out);
      }
    }
    return any;
  }

  static void append(BusStream& stream, std::string key, std::string value) {
    if (const auto last = stream.last_of.find(key); last != stream.last_of.end()) {
      stream.messages.erase(last->second);
    }
    stream.last_of[key] = ++stream.last;
    stream.messages[stream.last] = {std::move(key), std::move(value)};
  }

  void push(size_t s, std::string& out) {
    for (auto& [name, node] : nodes_) {
      if (node.runs() && node.connected) deliver(node, s, streams_[s].last - 1, out);
    }
  }

  void deliver(Node& node, size_t s, uint64_t after, std::string& out) {
    std::vector<Message> held;
    std::vector<BusMessage> messages;
    const auto& all = streams_[s].messages;
    for (auto it = all.upper_bound(after); it != all.end(); ++it) held.push_back(it->second);
    size_t i = 0;
    for (auto it = all.upper_bound(after); it != all.end(); ++it, ++i) {
      messages.push_back({it->first, held[i].key, held[i].value});
    }
    out += step(node,
                ApplyBatch{static_cast<Stream>(s), generation_, after, streams_[s].last, messages});
  }

  bool bring(std::string& out) {
    const auto fetches = std::exchange(fetches_, {});
    for (const auto& [node, fetch] : fetches) {
      if (node->runs() && node->connected) deliver(*node, index_of(fetch.stream), fetch.after, out);
    }
    const auto beats = std::exchange(beats_, {});
    for (const auto& [sender, bytes] : beats) {
      for (auto& [name, node] : nodes_) {
        const bool hears = (sender->connected && node.connected) || meet(*sender, node);
        if (node.runs() && hears && &node != sender) out += step(node, HearBeat{bytes});
      }
    }
    auto direct = std::exchange(direct_, {});
    for (auto& [sender, batch] : direct) tell(*sender, batch, out);
    const auto snapshots = std::exchange(snapshots_, {});
    for (Node* node : snapshots) give_snapshot(*node, out);
    return !fetches.empty() || !beats.empty() || !direct.empty() || !snapshots.empty();
  }

  bool meet(const Node& one, const Node& other) const {
    return lines_ && one.reached && other.reached;
  }

  void tell(Node& sender, const DirectBatch& batch, std::string& out) {
    for (auto& [name, node] : nodes_) {
      if (!node.runs() || node_id_of(node.registry->options().node) != batch.to) continue;
      SettleDirect settled{batch.to, batch.through, SettleDirect::Outcome::kFailed};
      if (meet(sender, node)) {
        settled.outcome = SettleDirect::Outcome::kTaken;
        std::vector<BusMessage> records;
        for (size_t i = 0; i < batch.records.size(); ++i) {
          records.push_back({0, batch.records[i].key, batch.records[i].value});
          ++told_;
        }
        out += step(node, ApplyDirect{records});
      }
      if (sender.registry) out += step(sender, settled);
      return;
    }
  }

  void give_snapshot(Node& taker, std::string& out) {
    for (auto& [name, giver] : nodes_) {
      if (&giver == &taker || !giver.runs() || !giver.connected) continue;
      if (giver.registry->phase() != Phase::kServing) continue;
      RecordBatch batch;
      Registry::DumpCursor cursor;
      const BusPositions positions = giver.registry->positions();
      while (!cursor.done()) giver.registry->dump(cursor, 1'000, batch);
      std::vector<BusMessage> records;
      for (size_t i = 0; i < batch.size(); ++i)
        records.push_back({0, batch[i].key, batch[i].value});
      out += step(taker, ApplySnapshot{true, true, positions, records});
      return;
    }
  }

  std::string show() {
    static constexpr std::string_view kPhases[] = {"loading", "joining", "stale", "serving"};
    std::string out;
    std::set<uint64_t> digests;
    for (auto& [name, node] : nodes_) {
      if (!node.registry) continue;
      const auto counts = node.registry->counts();
      digests.insert(node.registry->replica_digest().root());
      out += fmt::format("  {}: {} instances={} sessions={} tombstones={} owed={}\n", name,
                         kPhases[static_cast<size_t>(node.registry->phase())], counts.instances,
                         counts.sessions, counts.tombstones, node.registry->outbox_size());
      if (node.registry->counters().name_conflicts > 0) {
        out += fmt::format("  {}: {} beats under its name\n", name,
                           node.registry->counters().name_conflicts);
      }
    }
    if (told_ > 0) out += fmt::format("  {} records were told directly\n", told_);
    return out + (digests.size() == 1 ? "  digests agree\n" : "  digests differ\n");
  }

  std::map<std::string, Node> nodes_;
  std::array<BusStream, kStreamCount> streams_;
  uint64_t generation_ = 1;
  uint64_t boots_ = 0;
  Node* woken_ = nullptr;
  int64_t now_ms_ = 1'000'000;
  std::vector<std::pair<Node*, Fetch>> fetches_;
  std::vector<std::pair<Node*, std::string>> beats_;
  std::vector<Node*> snapshots_;
  std::vector<std::pair<std::string, Incident>> incidents_;
  std::vector<std::pair<Node*, DirectBatch>> direct_;
  bool lines_ = false;
  uint64_t told_ = 0;  ///< records that were taken directly
};

}  // namespace callbook::core
