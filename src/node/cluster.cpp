#include "node/cluster.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <fmt/format.h>

#include "core/hybrid_clock.h"

namespace callbook::node {
namespace {

/// A node whose beats have not come over the bus for so long is spoken to directly.
constexpr int64_t kSpeakAfterMs = 2'500;
constexpr int64_t kBeatTimeoutMs = 2'000;
constexpr int64_t kSearchTickMs = 100;
/// More nodes of this node's name than these are not logged.
constexpr size_t kMostRivals = 100;
/// A snapshot without progress for so long is given up for another node's.
constexpr int64_t kSnapshotPatienceMs = 5'000;

core::BusPositions to_core(const bus::Positions& positions) {
  core::BusPositions out{};
  for (size_t s = 0; s < positions.size(); ++s) {
    out[s] = {positions[s].generation, positions[s].version};
  }
  return out;
}

/// A batch as core takes it: the views and what they show.
struct HeldBatch {
  explicit HeldBatch(bus::Batch taken) : batch(std::move(taken)) {
    messages.reserve(batch.size());
    for (size_t i = 0; i < batch.size(); ++i) {
      const bus::Message message = batch[i];
      messages.push_back({message.version, message.key, message.value});
    }
  }
  HeldBatch(const HeldBatch&) = delete;
  HeldBatch& operator=(const HeldBatch&) = delete;

  const bus::Batch batch;
  std::vector<core::BusMessage> messages;
};

}  // namespace

Cluster::Cluster(Parts parts, std::string cluster, std::vector<Endpoint> asked)
    : parts_(parts),
      cluster_(cluster),
      asked_(std::move(asked)),
      peers_(parts.facts->name, cluster),
      reports_(*parts.loop),
      direct_(*parts.loop, std::move(cluster),
              [this](const core::SettleDirect& settled) { parts_.driver->take(settled, nullptr); }),
      seen_(*parts.loop, *parts.clock) {}

Cluster::~Cluster() = default;

void Cluster::start() {
  running_ = true;
  if (bus_) bus_->start();
  search_name();
}

/// Nothing goes out before it is known that no other node has this node's name.
void Cluster::search_name() {
  const core::NodeFacts& facts = *parts_.facts;
  search_ = std::make_unique<NameSearch>(
      *parts_.loop, *parts_.clock, NameSearch::Self{facts.name, cluster_, facts.http, parts_.boot},
      asked_,
      NameSearch::Callbacks{[this](core::ClaimName::Stage stage) {
                              parts_.driver->take(core::ClaimName{stage}, nullptr);
                            },
                            [this](const NameBearer& other) {
                              parts_.give_up(name_taken(parts_.facts->name, other));
                            },
                            [this](const std::string& card) { take_card(card, false); }});
  search_timer_ = parts_.loop->every(kSearchTickMs, [this] { tend_search(); });
}

void Cluster::tend_search() {
  if (parts_.driver->registry().loading()) return search_->tick(bus_connected_);
  search_.reset();
  search_timer_.reset();
}

void Cluster::leave() {
  leaving_ = true;
  if (running_ && !last_beat_.empty()) send_beat(last_beat_);
}

void Cluster::stop() {
  running_ = false;
  if (bus_) bus_->stop();
  search_.reset();
  search_timer_.reset();
  lines_.clear();
  reports_.stop();
  direct_.stop();
  seen_.give_up();
  snapshot_.reset();
}

void Cluster::wake() {
  parts_.loop->post([this] { take_events(); });
}

// --- From the bus ---

void Cluster::take_events() {
  if (!running_) return;
  std::vector<bus::Event> events = bus_->take();
  for (bus::Event& event : events) take(event);
}

void Cluster::take(bus::Event& event) {
  CoreDriver& driver = *parts_.driver;
  if (const auto* heads = std::get_if<bus::Heads>(&event)) {
    bus_connected_ = true;
    direct_.rest();
    report_.bus = "connected";
    report_.bus_detail.clear();
    report_.heads = to_core(heads->heads);
    driver.take(core::ReportBus{report_.heads}, nullptr);
  } else if (const auto* lost = std::get_if<bus::Lost>(&event)) {
    bus_connected_ = false;
    ++report_.bus_lost;
    report_.bus = "away";
    report_.bus_detail = lost->why;
    driver.take(core::ReportBusLost{}, nullptr);
  } else if (const auto* settled = std::get_if<bus::Settled>(&event)) {
    ++(settled->acknowledged ? report_.acknowledged : report_.failed);
    driver.take(core::SettlePublication{settled->ticket, settled->acknowledged}, nullptr);
  } else if (auto* batch = std::get_if<bus::Batch>(&event)) {
    take(std::move(*batch));
  } else if (const auto* beat = std::get_if<bus::Beat>(&event)) {
    take_card(beat->bytes, true);
  } else if (const auto* refused = std::get_if<bus::Refused>(&event)) {
    report_.bus = "refused";
    report_.bus_detail = refused->error.detail;
  } else if (const auto* unreachable = std::get_if<bus::Unreachable>(&event)) {
    report_.bus = report_.bus_lost > 0 ? "away" : "connecting";
    report_.bus_detail = unreachable->why;
  }
}

void Cluster::take(bus::Batch batch) {
  report_.messages += batch.size();
  const auto held = std::make_shared<const HeldBatch>(std::move(batch));
  const bus::Batch& of = held->batch;
  parts_.driver->take(core::ApplyBatch{static_cast<core::Stream>(of.stream), of.generation,
                                       of.after, of.through, held->messages},
                      held);
}

// --- Cards ---

void Cluster::take_card(std::string_view bytes, bool on_bus) {
  auto heard = peers_.hear(bytes, on_bus, now_ms());
  if (!heard.ok()) {
    ++report_.cards_refused;
    const std::string complaint = heard.error().to_string();
    if (std::exchange(card_complaint_, complaint) != complaint) {
      parts_.logger->warn("cluster: what another node says of itself is passed over: {}",
                          complaint);
    }
    return;
  }
  const bool own = heard->own_id && heard->beat.boot == parts_.boot;
  if (!own) heard_cards_.note(heard->beat, bytes);
  if (search_ && parts_.driver->registry().loading()) {
    search_->heard(heard->beat, heard->card.http);
  } else if (heard->own_id && !own) {
    complain_of_rival(*heard);
  }
  auto held = std::make_shared<const std::string>(std::move(heard->card.beat));
  parts_.driver->take(core::HearBeat{*held}, held);
}

void Cluster::complain_of_rival(const Peers::Heard& heard) {
  if (rivals_.size() >= kMostRivals || !rivals_.insert(heard.beat.boot).second) return;
  parts_.logger->error("cluster: {}",
                       name_taken(parts_.facts->name, {heard.beat.node, heard.card.http,
                                                       heard.beat.boot, heard.beat.serving})
                           .detail);
}

void Cluster::hear(std::string card) {
  parts_.loop->post([this, card = std::move(card)] {
    if (running_) take_card(card, false);
  });
}

void Cluster::take(peer::DirectRecordsPtr records) {
  parts_.loop->post([this, records = std::move(records)] {
    if (running_) parts_.driver->take(core::ApplyDirect{records->records}, records);
  });
}

std::shared_ptr<const std::string> Cluster::own_card() const {
  const std::lock_guard lock(mutex_);
  return own_card_;
}

void Cluster::send_beat(const std::string& beat) {
  last_beat_ = beat;
  const core::Registry& registry = parts_.driver->registry();
  const core::Registry::Counts counts = registry.counts();
  peer::NodeCard card;
  card.beat = beat;
  card.cluster = cluster_;
  card.http = parts_.facts->http;
  card.release = parts_.facts->version;
  card.clients = static_cast<uint32_t>(parts_.board->connections());
  card.sessions = counts.sessions;
  card.instances = counts.instances;
  card.owed = static_cast<uint32_t>(registry.outbox_size());
  card.stale = registry.phase() == core::Phase::kStale;
  card.leaving = leaving_;
  const auto bytes = std::make_shared<const std::string>(peer::encode_card(card));
  {
    const std::lock_guard lock(mutex_);
    own_card_ = bytes;
  }
  if (bus_connected_) bus_->broadcast(*bytes);
  peers_.forget_silent(now_ms());
  drop_unused_lines();
  speak_directly();
}

/// To those that the bus does not bring together with this node.
void Cluster::speak_directly() {
  const auto card = own_card();
  const int64_t now = now_ms();
  const auto unheard = [&](const Peers::Peer& peer) {
    return peer.heard_on_bus_ms == 0 || now - peer.heard_on_bus_ms > kSpeakAfterMs;
  };
  for (const auto& [name, peer] : peers_.all()) {
    const auto endpoint = parse_endpoint("http", peer.card.http);
    if (unheard(peer) && endpoint.ok()) speak(*endpoint, *card);
  }
  for (const Endpoint& endpoint : asked_) {
    const std::string text = to_text(endpoint);
    if (text == parts_.facts->http) continue;
    const auto& all = peers_.all();
    const bool known = std::any_of(
        all.begin(), all.end(), [&](const auto& entry) { return entry.second.card.http == text; });
    if (!known) speak(endpoint, *card);
  }
}

void Cluster::drop_unused_lines() {
  std::erase_if(lines_, [&](const auto& entry) {
    const auto& all = peers_.all();
    const bool of_peer = std::any_of(all.begin(), all.end(), [&](const auto& known) {
      return known.second.card.http == entry.first;
    });
    const bool asked = std::any_of(asked_.begin(), asked_.end(), [&](const Endpoint& one) {
      return to_text(one) == entry.first;
    });
    return !of_peer && !asked;
  });
}

/// Exchanges cards, unless the last exchange is still under way.
void Cluster::speak(const Endpoint& endpoint, const std::string& card) {
  auto& line = lines_[to_text(endpoint)];
  if (!line) line = std::make_unique<PeerLine>(*parts_.loop, endpoint);
  if (line->busy()) return;
  line->post(peer::PeerDialect::kBeatPath, card, kBeatTimeoutMs,
             [this](const base::Result<std::string>& body) {
               if (body.ok()) take_card(*body, false);
             });
}

// --- From core ---

void Cluster::carry_out(const core::Outputs& outputs) {
  if (!running_) return;
  for (const core::Fetch& fetch : outputs.fetches) {
    if (bus_connected_) {
      bus_->fetch(static_cast<bus::Stream>(fetch.stream), {fetch.generation, fetch.after});
    }
  }
  if (outputs.wants_snapshot) get_snapshot();
  pass_on(outputs.reports);
  for (const core::DirectBatch& batch : outputs.direct) tell(batch);
  if (!outputs.beat.empty()) send_beat(outputs.beat);
}

std::optional<Endpoint> Cluster::heard_node(core::NodeId node) const {
  for (const auto& [name, peer] : peers_.all()) {
    if (core::node_id_of(name) != node || !Peers::is_heard(peer, now_ms())) continue;
    if (const auto endpoint = parse_endpoint("http", peer.card.http); endpoint.ok()) {
      return *endpoint;
    }
  }
  return std::nullopt;
}

void Cluster::pass_on(const std::vector<core::ReportPassedOn>& reports) {
  for (const core::ReportPassedOn& report : reports) {
    const auto home = heard_node(report.home);
    if (home) reports_.send(*home, {report.instance, report.by});
  }
}

void Cluster::tell(const core::DirectBatch& batch) {
  if (const auto node = heard_node(batch.to)) return direct_.send(*node, batch);
  using Outcome = core::SettleDirect::Outcome;
  parts_.driver->take(core::SettleDirect{batch.to, batch.through, Outcome::kFailed}, nullptr);
}

void Cluster::publish(const core::Publications& publications) {
  std::vector<bus::Publication> all;
  for (size_t stream = 0; stream < publications.size(); ++stream) {
    const core::RecordBatch& batch = publications[stream];
    for (size_t i = 0; i < batch.size(); ++i) {
      const auto item = batch[i];
      all.push_back({static_cast<bus::Stream>(stream), item.version, item.key, item.value});
    }
  }
  report_.published += all.size();
  bus_->publish(all);
}

void Cluster::get_snapshot() {
  const bool waits =
      snapshot_ && !snapshot_->ended() && now_ms() - snapshot_heard_ms_ < kSnapshotPatienceMs;
  if (waits) return;
  snapshot_.reset();
  const auto source = peers_.next_source(snapshot_from_, now_ms());
  if (!source) return;
  snapshot_heard_ms_ = now_ms();
  snapshot_ = std::make_unique<peer::SnapshotReader>(
      *parts_.loop, source->host, source->port, false,
      peer::SnapshotReader::Callbacks{
          [this](const peer::SnapshotFramePtr& frame) {
            using Kind = peer::SnapshotFrame::Kind;
            snapshot_heard_ms_ = now_ms();
            parts_.driver->take(
                core::ApplySnapshot{frame->kind == Kind::kBeginning, frame->kind == Kind::kEnd,
                                    frame->positions, frame->records},
                frame);
          },
          [this](const base::Status& status) { snapshot_ended(status); }});
}

void Cluster::snapshot_ended(const base::Status& status) {
  if (status.ok()) {
    snapshot_complaint_.clear();
    parts_.logger->info("cluster: has the snapshot of {}", snapshot_from_);
    return;
  }
  const std::string complaint =
      fmt::format("no snapshot from {}: {}", snapshot_from_, status.error().to_string());
  if (std::exchange(snapshot_complaint_, complaint) == complaint) return;
  parts_.logger->warn("cluster: {}", complaint);
}

void Cluster::ask_seen(const core::SeenQuestion& question, SeenPoll::Done done) {
  std::vector<SeenPoll::Node> nodes;
  std::vector<std::string> silent;
  for (const auto& [name, peer] : peers_.all()) {
    const auto endpoint = parse_endpoint("http", peer.card.http);
    if (Peers::is_heard(peer, now_ms()) && endpoint.ok()) {
      nodes.push_back({name, *endpoint});
    } else if (!peer.card.leaving) {  // one that has said goodbye is gone for good
      silent.push_back(name);
    }
  }
  const std::string bus = bus_connected_ ? "" : report_.bus;
  seen_.ask(
      question, nodes,
      [this, silent = std::move(silent), bus, done = std::move(done)](core::Seen seen) mutable {
        // A node that can't say it takes nothing directly either (release 0.1).
        if (!bus.empty() && !bus_connected_) {
          seen.unheard.insert(seen.unheard.end(), seen.cannot_say.begin(), seen.cannot_say.end());
          seen.cannot_say.clear();
        }
        seen.unheard.insert(seen.unheard.end(), silent.begin(), silent.end());
        std::sort(seen.unheard.begin(), seen.unheard.end());
        if (!seen.heard()) seen.bus = bus;
        done(std::move(seen));
      });
}

// --- For people and programs ---

void Cluster::report() {
  const core::Registry& registry = parts_.driver->registry();
  const base::Now now = parts_.clock->now();
  report_.isolated = registry.isolated(now);
  report_.features_withheld = static_cast<uint32_t>(
      std::popcount(core::kReadFeatures & ~registry.features_read_by_all(now)));
  report_.positions = registry.positions();
  report_.digest = registry.replica_digest().root();
  report_.owed = registry.outbox_size();
  report_.peers.clear();
  for (const auto& [name, peer] : peers_.all()) {
    report_.peers.push_back({name, peer.card.http, peer.card.release, peer.card.clients,
                             peer.card.sessions, peer.card.instances, peer.card.owed,
                             now.mono_ms - peer.heard_ms, peer.heard_on_bus_ms != 0,
                             peer.beat.serving, peer.card.stale, peer.card.leaving,
                             peer.beat.positions, peer.beat.root, peer.beat.wall_ms - now.wall_ms});
  }
  parts_.board->put(report_);
}

}  // namespace callbook::node
