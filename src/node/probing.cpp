#include "node/probing.h"

#include <algorithm>
#include <utility>

#include "base/address.h"
#include "dialects/peer/peer_dialect.h"
#include "dialects/peer/probe_codec.h"

namespace callbook::node {
namespace {

constexpr int64_t kExpireEveryMs = 20;
/// Whom this host hears refuse, another is likely to hear as soon.
constexpr int64_t kRefusedWaitMs = 250;
/// What others have asked for at once; more is not tried.
constexpr size_t kMostForOthers = 4'096;
/// Nodes to which lines are kept.
constexpr size_t kMostNodes = 16;
/// Requests to one node at once; while they are under way others are probed from here alone.
constexpr size_t kMostLines = 4;

// The other node's word must be back before the own probe has run out of time: core takes what
// comes later than a round lasts for this node's own fault.
int64_t others_timeout_ms(int64_t timeout_ms) {
  return std::max<int64_t>(timeout_ms * 3 / 4, 1);
}
int64_t latest_ms(int64_t timeout_ms) {
  return timeout_ms * 9 / 10;
}

}  // namespace

Probing::Probing(net::EventLoop& loop, const base::Clock& clock, probe::ProberOptions options,
                 Deliver deliver)
    : loop_(loop),
      clock_(clock),
      deliver_(std::move(deliver)),
      prober_(std::move(options), [this](std::vector<core::ProbeResult> results) {
        auto held = std::make_shared<std::vector<core::ProbeResult>>(std::move(results));
        loop_.post([this, held] { take(*held); });
      }) {}

Probing::~Probing() = default;

Probing::Outcome Probing::both(Outcome own, Outcome other) {
  if (own == Outcome::kUntested) return other;
  if (other == Outcome::kUntested || own == other) return own;
  if (own == Outcome::kAnswered || other == Outcome::kAnswered) return Outcome::kAnswered;
  // One was refused, the other heard nothing: not all say that it is gone.
  return Outcome::kSilent;
}

void Probing::probe(std::vector<core::Probe> probes) {
  const int64_t now_ms = clock_.now().mono_ms;
  std::vector<core::Probe> elsewhere;
  std::vector<uint64_t> numbers;
  for (core::Probe& probe : probes) {
    const uint64_t number = ++last_number_;
    Opinion& opinion = opinions_[number];
    opinion.ticket = std::exchange(probe.ticket, number);
    opinion.since_ms = now_ms;
    opinion.deadline_ms = now_ms + latest_ms(probe.timeout_ms);
    // What is at a loopback address of another host is something else.
    const bool elsewhere_too = probe.from_two_nodes && !base::is_loopback(probe.address);
    if (!elsewhere_too || elsewhere.size() == peer::kMaxProbes) {
      opinion.other = Outcome::kUntested;
      continue;
    }
    elsewhere.push_back(probe);
    elsewhere.back().timeout_ms = others_timeout_ms(probe.timeout_ms);
    numbers.push_back(number);
  }
  prober_.probe(std::move(probes), false);
  if (!numbers.empty()) ask_other(elsewhere, std::move(numbers));
}

PeerLine* Probing::free_line(const Endpoint& node) {
  if (lines_.size() > kMostNodes) {
    std::erase_if(lines_, [](const auto& entry) {
      return std::none_of(entry.second.begin(), entry.second.end(),
                          [](const auto& line) { return line->busy(); });
    });
  }
  auto& lines = lines_[to_text(node)];
  for (const auto& line : lines) {
    if (!line->busy()) return line.get();
  }
  if (lines.size() == kMostLines) return nullptr;
  lines.push_back(std::make_unique<PeerLine>(loop_, node));
  return lines.back().get();
}

void Probing::ask_other(const std::vector<core::Probe>& probes, std::vector<uint64_t> numbers) {
  const auto node = other_node_ ? other_node_() : std::nullopt;
  PeerLine* const line = node ? free_line(*node) : nullptr;
  if (line == nullptr) {
    for (const uint64_t number : numbers) opinions_.at(number).other = Outcome::kUntested;
    return;
  }
  stats_.elsewhere += numbers.size();
  waiting_.insert(numbers.begin(), numbers.end());
  int64_t longest_ms = 0;
  for (const core::Probe& probe : probes) longest_ms = std::max(longest_ms, probe.timeout_ms);
  line->post(peer::PeerDialect::kProbePath, peer::encode_probes(probes), 2 * longest_ms,
             [this, numbers = std::move(numbers)](const base::Result<std::string>& body) {
               const auto outcomes = body.ok() ? peer::decode_outcomes(*body, numbers.size())
                                               : base::Result<std::vector<Outcome>>(body.error());
               for (size_t i = 0; i < numbers.size(); ++i) {
                 const auto found = opinions_.find(numbers[i]);
                 if (found == opinions_.end()) continue;
                 found->second.other = outcomes.ok() ? (*outcomes)[i] : Outcome::kUntested;
                 settle(numbers[i]);
               }
               deliver();
             });
  if (!timer_) timer_ = loop_.every(kExpireEveryMs, [this] { expire(); });
}

/// Concludes it if both have said what they have to say, or one has got an answer.
void Probing::settle(uint64_t number) {
  const auto found = opinions_.find(number);
  if (found == opinions_.end()) return;
  const Opinion& opinion = found->second;
  const Outcome own = opinion.own ? opinion.own->outcome : Outcome::kUntested;
  const bool answered = own == Outcome::kAnswered || opinion.other == Outcome::kAnswered;
  const int64_t refused_ms = opinion.since_ms + kRefusedWaitMs;
  const int64_t until_ms =
      own == Outcome::kRefused ? std::min(opinion.deadline_ms, refused_ms) : opinion.deadline_ms;
  const bool waits = !opinion.other && clock_.now().mono_ms < until_ms;
  if (!answered && (!opinion.own || waits)) return;
  if (own != Outcome::kAnswered && opinion.other == Outcome::kAnswered) {
    ++stats_.answered_elsewhere;
  }
  results_.push_back(joined(opinion));
  opinions_.erase(found);
  waiting_.erase(number);
}

/// What core is told of it. Other nodes send an outcome alone, so a text is this one's.
core::ProbeResult Probing::joined(const Opinion& opinion) {
  core::ProbeResult result = opinion.own.value_or(core::ProbeResult{});
  result.ticket = opinion.ticket;
  const Outcome outcome = both(result.outcome, opinion.other.value_or(Outcome::kUntested));
  if (std::exchange(result.outcome, outcome) == outcome) return result;
  switch (outcome) {
    case Outcome::kAnswered:
      result.text = "answered another node";
      break;
    case Outcome::kRefused:
      result.text = "refused another node";
      break;
    default:
      result.text = "silent to one of two nodes";
      break;
  }
  return result;
}

Probing::Stats Probing::stats() const {
  Stats stats = stats_;
  stats.here = prober_.stats();
  return stats;
}

void Probing::expire() {
  const std::vector<uint64_t> waiting(waiting_.begin(), waiting_.end());
  for (const uint64_t number : waiting) settle(number);
  deliver();
  const int64_t now_ms = clock_.now().mono_ms;
  for (const std::weak_ptr<Request>& held : std::exchange(requests_, {})) {
    const auto request = held.lock();
    if (!request || request->left == 0) continue;
    if (now_ms >= request->deadline_ms) {
      answer(*request);
    } else {
      requests_.push_back(held);
    }
  }
  if (waiting.empty() && requests_.empty()) timer_.reset();
}

void Probing::deliver() {
  if (!results_.empty()) deliver_(std::exchange(results_, {}));
}

void Probing::take(const std::vector<core::ProbeResult>& results) {
  for (const core::ProbeResult& result : results) {
    if (const auto part = parts_.extract(result.ticket); !part.empty()) {
      take_part(part.mapped(), result.outcome);
    } else if (const auto found = opinions_.find(result.ticket); found != opinions_.end()) {
      found->second.own = result;
      settle(result.ticket);
    }
  }
  deliver();
}

void Probing::probe_for_another(std::vector<core::Probe> probes,
                                std::function<void(std::vector<Outcome>)> done) {
  if (probes.empty() || parts_.size() + probes.size() > kMostForOthers) {
    return done(std::vector<Outcome>(probes.size(), Outcome::kUntested));
  }
  const auto request = std::make_shared<Request>();
  request->outcomes.assign(probes.size(), Outcome::kUntested);
  request->left = probes.size();
  request->done = std::move(done);
  for (const core::Probe& probe : probes) {
    request->deadline_ms = std::max(request->deadline_ms, clock_.now().mono_ms + probe.timeout_ms);
  }
  requests_.push_back(request);
  if (!timer_) timer_ = loop_.every(kExpireEveryMs, [this] { expire(); });
  for (size_t i = 0; i < probes.size(); ++i) {
    probes[i].ticket = ++last_number_;
    parts_[probes[i].ticket] = {request, i};
  }
  prober_.probe(std::move(probes), true);
}

void Probing::take_part(const Part& part, Outcome outcome) {
  Request& request = *part.request;
  if (request.left == 0) return;  // answered without it
  request.outcomes[part.index] = outcome;
  if (request.left == 1) return answer(request);
  --request.left;
}

void Probing::answer(Request& request) {
  request.left = 0;
  request.done(std::move(request.outcomes));
}

void Probing::stop() {
  other_node_ = nullptr;
  timer_.reset();
  lines_.clear();
}

}  // namespace callbook::node
