#include "node/name_search.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "core/hybrid_clock.h"
#include "dialects/peer/bearer_codec.h"
#include "dialects/peer/node_card.h"
#include "dialects/peer/peer_dialect.h"
#include "node/boot_id.h"

namespace callbook::node {
namespace {

constexpr int64_t kAnswerTimeoutMs = 1'000;
/// Nodes named by the operator are asked again this often.
constexpr int64_t kAskAgainMs = 1'000;
/// Beats have gone out for so long when the second round begins.
constexpr int64_t kSecondRoundMs = 300;
/// A few nodes suffice: each knows of all that it hears.
constexpr size_t kMostAsked = 32;

struct ReadCard {
  peer::NodeCard card;
  core::NodeBeat beat;
};

std::optional<ReadCard> read_card(const std::string& bytes) {
  if (bytes.empty()) return std::nullopt;
  auto card = peer::decode_card(bytes);
  if (!card.ok()) return std::nullopt;
  auto beat = core::decode_beat(card->beat);
  if (!beat.ok()) return std::nullopt;
  return ReadCard{std::move(*card), std::move(*beat)};
}

}  // namespace

NameSearch::NameSearch(net::EventLoop& loop, const base::Clock& clock, Self self,
                       const std::vector<Endpoint>& told, Callbacks callbacks)
    : loop_(loop),
      clock_(clock),
      self_(std::move(self)),
      callbacks_(std::move(callbacks)),
      claim_(self_.boot) {
  for (const Endpoint& endpoint : told) note(to_text(endpoint), true);
}

NameSearch::~NameSearch() = default;

void NameSearch::note(const std::string& http, bool told) {
  if (http == self_.http || asked_.contains(http)) return;
  if (!told && asked_.size() >= kMostAsked) return;
  const auto endpoint = parse_endpoint("http", http);
  if (!endpoint.ok() || !check_reachable("http", http).ok()) return;
  Asked& asked = asked_[http];
  asked.line = std::make_unique<PeerLine>(loop_, *endpoint);
  asked.told = told;
  ask(http, asked);
}

void NameSearch::heard(const core::NodeBeat& beat, const std::string& http) {
  const bool bears = core::node_id_of(beat.node) == core::node_id_of(self_.name);
  if (bears && beat.boot == self_.boot) return;
  if (bears) {
    claim_.heard({beat.node, http, beat.boot, beat.serving}, clock_.now().mono_ms);
  }
  note(http, false);
}

void NameSearch::ask(const std::string& http, Asked& asked) {
  asked.sent_ms = clock_.now().mono_ms;
  asked.sent_round = round_;
  asked.line->post(peer::PeerDialect::kBearerPath,
                   peer::encode_bearer_question({self_.name, self_.boot}), kAnswerTimeoutMs,
                   [this, http](const base::Result<std::string>& body) { answered(http, body); });
}

void NameSearch::answered(const std::string& http, const base::Result<std::string>& body) {
  Asked& asked = asked_.at(http);
  asked.done_round = asked.sent_round;
  if (!body.ok()) return;
  const auto answer = peer::decode_bearer_answer(*body);
  if (!answer.ok()) return;
  const auto own = read_card(answer->own);
  if (own && own->card.cluster == self_.cluster) {
    const bool bears = core::node_id_of(own->beat.node) == core::node_id_of(self_.name);
    if (!bears) {
      callbacks_.on_card(answer->own);
    } else if (own->beat.boot != self_.boot) {
      claim_.answered({own->beat.node, own->card.http, own->beat.boot, own->beat.serving});
    }
  }
  for (const std::string& bytes : answer->bearers) {
    const auto bearer = read_card(bytes);
    if (bearer && bearer->card.cluster == self_.cluster) note(bearer->card.http, false);
  }
}

bool NameSearch::asking() const {
  return std::any_of(asked_.begin(), asked_.end(),
                     [&](const auto& entry) { return entry.second.done_round < round_; });
}

void NameSearch::tick(bool bus_connected) {
  if (taken_) return;
  go_on(bus_connected);
  if (claim_.taken_by()) {
    taken_ = true;
    return callbacks_.on_taken(*claim_.taken_by());
  }
  if (std::exchange(told_stage_, claim_.stage()) != claim_.stage()) {
    callbacks_.on_stage(claim_.stage());
  }
}

void NameSearch::go_on(bool bus_connected) {
  const int64_t now_ms = clock_.now().mono_ms;
  const bool listens = claim_.stage() == core::ClaimName::Stage::kListening;
  const bool second = !listens && claim_.announced_ms() >= kSecondRoundMs;
  if (std::exchange(second_round_, second) != second) ++round_;
  for (auto& [http, asked] : asked_) {
    if (asked.line->busy()) continue;
    const bool again = asked.told && listens && now_ms - asked.sent_ms >= kAskAgainMs;
    if (asked.sent_round < round_ || again) ask(http, asked);
  }
  claim_.advance(now_ms, bus_connected, asking());
}

base::Error name_taken(const std::string& own_name, const NameBearer& other) {
  const std::string where = fmt::format("{} (boot {})", other.http, boot_id_from(other.boot));
  if (other.name == own_name) {
    return {base::ErrorCode::kConflict, "node",
            fmt::format("'{}' is the name of another node, which runs at {}; stop that node, or "
                        "start this one with another --node",
                        own_name, where),
            std::nullopt};
  }
  return {base::ErrorCode::kConflict, "node",
          fmt::format("'{}' can't be told apart from '{}', a node that runs at {}: both names have "
                      "the same hash; start this node with another --node",
                      own_name, other.name, where),
          std::nullopt};
}

}  // namespace callbook::node
