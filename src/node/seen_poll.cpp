#include "node/seen_poll.h"

#include <algorithm>
#include <utility>

#include "dialects/peer/peer_dialect.h"

namespace callbook::node {
namespace {

constexpr int64_t kLookEveryMs = 5;
/// A change that has not been everywhere for long is asked for more seldom.
constexpr int64_t kMostWaitMs = 250;
constexpr int64_t kTimeoutMs = 2'000;

}  // namespace

SeenPoll::SeenPoll(net::EventLoop& loop, const base::Clock& clock) : loop_(loop), clock_(clock) {}
SeenPoll::~SeenPoll() = default;

void SeenPoll::ask(const core::SeenQuestion& question, const std::vector<Node>& nodes, Done done) {
  if (nodes.empty()) return done({});
  const int64_t now_ms = clock_.now().mono_ms;
  Question& asked = questions_[++last_number_];
  asked.item = {question.instance, question.stamp, question.of_override};
  asked.heard_suffices = question.heard_suffices;
  asked.deadline_ms = question.deadline_ms;
  asked.since_ms = now_ms;
  asked.done = std::move(done);
  for (const Node& node : nodes) {
    const std::string endpoint = to_text(node.endpoint);
    asked.said.emplace(endpoint, Said{node.name, std::nullopt, false});
    auto& line = lines_[endpoint];
    if (!line) line = std::make_unique<PeerLine>(loop_, node.endpoint);
  }
  if (!timer_) timer_ = loop_.every(kLookEveryMs, [this] { look(); });
}

bool SeenPoll::Question::settled() const {
  return std::all_of(said.begin(), said.end(),
                     [this](const auto& entry) { return settled(entry.second); });
}

core::Seen SeenPoll::sum(const Question& question) {
  core::Seen sum;
  for (const auto& [endpoint, said] : question.said) {
    sum.unseen += said.answer.value_or(0);
    if (said.answer) continue;
    ++sum.unreached;
    (said.cannot_say ? sum.cannot_say : sum.unheard).push_back(said.name);
  }
  return sum;
}

void SeenPoll::look() {
  const int64_t now_ms = clock_.now().mono_ms;
  struct Answered {
    Done done;
    core::Seen seen;
  };
  std::vector<Answered> answered;
  for (auto it = questions_.begin(); it != questions_.end();) {
    Question& question = (it++)->second;
    if (!question.settled() && now_ms < question.deadline_ms) continue;
    answered.push_back({std::move(question.done), sum(question)});
    questions_.erase(std::prev(it));
  }
  // Questions that an older release does not read go apart, so that the others are answered.
  std::map<std::pair<bool, std::string>,
           std::pair<std::vector<peer::SeenItem>, std::vector<uint64_t>>>
      rounds;
  for (auto& [number, question] : questions_) {
    if (now_ms < question.due_ms) continue;
    question.due_ms =
        now_ms + std::min((now_ms - question.since_ms) / 4 + kLookEveryMs, kMostWaitMs);
    for (const auto& [node, said] : question.said) {
      auto& [items, numbers] = rounds[{question.item.of_override, node}];
      if (question.settled(said) || numbers.size() == peer::kMaxSeenItems) continue;
      items.push_back(question.item);
      numbers.push_back(number);
    }
  }
  for (auto& [to, round] : rounds) {
    if (!round.second.empty() && !lines_.at(to.second)->busy()) {
      send(to.second, round.first, std::move(round.second));
    }
  }
  if (questions_.empty()) {
    lines_.clear();
    timer_.reset();
  }
  for (Answered& one : answered) one.done(one.seen);
}

void SeenPoll::send(const std::string& node, const std::vector<peer::SeenItem>& items,
                    std::vector<uint64_t> numbers) {
  lines_.at(node)->post(
      peer::PeerDialect::kSeenPath, peer::encode_seen_items(items), kTimeoutMs,
      [this, node, numbers = std::move(numbers)](const base::Result<std::string>& body) {
        if (!body.ok() && body.error().code == base::ErrorCode::kInvalid) {
          return refused(node, numbers);
        }
        if (!body.ok()) return;
        const auto answers = peer::decode_seen_answers(*body, numbers.size());
        if (answers.ok()) take(node, numbers, *answers);
      });
}

void SeenPoll::refused(const std::string& node, const std::vector<uint64_t>& numbers) {
  for (const uint64_t number : numbers) {
    const auto found = questions_.find(number);
    if (found != questions_.end()) found->second.said[node].cannot_say = true;
  }
}

void SeenPoll::take(const std::string& node, const std::vector<uint64_t>& numbers,
                    const std::vector<peer::SeenAnswer>& answers) {
  for (size_t i = 0; i < numbers.size(); ++i) {
    const auto found = questions_.find(numbers[i]);
    if (found != questions_.end()) found->second.said[node].answer = answers[i];
  }
}

void SeenPoll::give_up() {
  for (auto& [number, question] : std::exchange(questions_, {})) question.done(sum(question));
  lines_.clear();
  timer_.reset();
}

}  // namespace callbook::node
