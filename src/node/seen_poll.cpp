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

void SeenPoll::ask(const core::SeenQuestion& question, const std::vector<Endpoint>& nodes,
                   Done done) {
  if (nodes.empty()) return done({});
  const int64_t now_ms = clock_.now().mono_ms;
  Question& asked = questions_[++last_number_];
  asked.item = {question.instance, question.stamp};
  asked.deadline_ms = question.deadline_ms;
  asked.since_ms = now_ms;
  asked.done = std::move(done);
  for (const Endpoint& node : nodes) {
    const std::string name = to_text(node);
    asked.said.emplace(name, std::nullopt);
    auto& line = lines_[name];
    if (!line) line = std::make_unique<PeerLine>(loop_, node);
  }
  if (!timer_) timer_ = loop_.every(kLookEveryMs, [this] { look(); });
}

core::Seen SeenPoll::sum(const Question& question) {
  core::Seen sum;
  for (const auto& [node, said] : question.said) {
    sum.unseen += said.value_or(0);
    sum.unreached += said ? 0 : 1;
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
    const core::Seen seen = sum(question);
    if (!seen.all() && now_ms < question.deadline_ms) continue;
    answered.push_back({std::move(question.done), seen});
    questions_.erase(std::prev(it));
  }
  std::map<std::string, std::pair<std::vector<peer::SeenItem>, std::vector<uint64_t>>> rounds;
  for (auto& [number, question] : questions_) {
    if (now_ms < question.due_ms) continue;
    question.due_ms =
        now_ms + std::min((now_ms - question.since_ms) / 4 + kLookEveryMs, kMostWaitMs);
    for (const auto& [node, said] : question.said) {
      auto& [items, numbers] = rounds[node];
      if (said == peer::SeenAnswer(0) || numbers.size() == peer::kMaxSeenItems) continue;
      items.push_back(question.item);
      numbers.push_back(number);
    }
  }
  for (auto& [node, round] : rounds) {
    if (!round.second.empty() && !lines_.at(node)->busy()) {
      send(node, round.first, std::move(round.second));
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
        if (!body.ok()) return;
        const auto answers = peer::decode_seen_answers(*body, numbers.size());
        if (answers.ok()) take(node, numbers, *answers);
      });
}

void SeenPoll::take(const std::string& node, const std::vector<uint64_t>& numbers,
                    const std::vector<peer::SeenAnswer>& answers) {
  for (size_t i = 0; i < numbers.size(); ++i) {
    const auto found = questions_.find(numbers[i]);
    if (found != questions_.end()) found->second.said[node] = answers[i];
  }
}

void SeenPoll::give_up() {
  for (auto& [number, question] : std::exchange(questions_, {})) question.done(sum(question));
  lines_.clear();
  timer_.reset();
}

}  // namespace callbook::node
