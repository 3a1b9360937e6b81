#include "node/io_front.h"

#include <algorithm>

#include <sys/random.h>

#include "base/check.h"
#include "node/metrics_text.h"

namespace callbook::node {

/// Those who are told; outlives the front where one of them does.
struct IoFront::Tails {
  IoFront* front;  ///< null: it stops, or is gone
  std::vector<const Tail*> all;
};

/// In that list as long as it lives.
class IoFront::Tail final : public core::RecordsTail {
 public:
  Tail(std::shared_ptr<Tails> tails, OnRecords on_records)
      : tails_(std::move(tails)), on_records_(std::move(on_records)) {
    tails_->all.push_back(this);
    if (tails_->all.size() == 1 && tails_->front != nullptr) tails_->front->follow(true);
  }
  ~Tail() override {
    std::erase(tails_->all, this);
    if (tails_->all.empty() && tails_->front != nullptr) tails_->front->follow(false);
  }
  Tail(const Tail&) = delete;
  Tail& operator=(const Tail&) = delete;

  void tell(const core::RecordBatch& records, bool in_touch) const {
    on_records_(records, in_touch);
  }

 private:
  const std::shared_ptr<Tails> tails_;
  const OnRecords on_records_;
};

IoFront::IoFront(Parts parts)
    : parts_(std::move(parts)),
      tails_(std::make_shared<Tails>(Tails{this, {}})),
      barrier_(*parts_.own_loop, catalog_, *parts_.clock) {
  for (const std::string& name : parts_.followed) {
    followed_.push_back(std::make_unique<core::FollowedDatacenter>());
    followed_.back()->name = name;
  }
}
IoFront::~IoFront() {
  tails_->front = nullptr;
}

std::unique_ptr<core::RecordsTail> IoFront::follow_records(OnRecords on_records) {
  return std::make_unique<Tail>(tails_, std::move(on_records));
}

/// Comes to core before whatever is submitted after it.
void IoFront::follow(bool follows) {
  CoreDriver& driver = *parts_.driver;
  if (on_core_loop()) return driver.follow_records(parts_.index, follows);
  parts_.core_loop->post(
      [&driver, index = parts_.index, follows] { driver.follow_records(index, follows); });
}

core::FollowedDatacenter* IoFront::followed(std::string_view datacenter) {
  for (const auto& one : followed_) {
    if (one->name == datacenter) return one.get();
  }
  return nullptr;
}

std::vector<std::string> IoFront::followed_names() const {
  return parts_.followed;
}

void IoFront::take(size_t followed, const std::shared_ptr<const core::Publication>& publication,
                   bool whole, int64_t heard_ms) {
  core::FollowedDatacenter& one = *followed_[followed];
  one.whole = whole;
  one.heard_ms = heard_ms;
  if (publication) one.catalog.apply(*publication);
}

void IoFront::submit(core::Input input, core::Ack ack, core::Caller caller, core::Completion done) {
  if (!ready_) return refuse_later(std::move(done));
  Submission submission{std::move(input), ack, std::move(done), {}, std::move(caller)};
  if (on_core_loop()) return parts_.driver->submit(parts_.index, std::move(submission));
  outbox_.push_back(std::move(submission));
  if (outbox_.size() > 1) return;
  parts_.own_loop->post([this] {
    auto batch = std::make_shared<std::vector<Submission>>(std::exchange(outbox_, {}));
    parts_.core_loop->post(
        [this, batch] { parts_.driver->submit(parts_.index, std::move(*batch)); });
  });
}

void IoFront::note_refusal(core::RefusedAct refused) {
  CoreDriver& driver = *parts_.driver;
  if (on_core_loop()) return driver.note_refusal(refused);
  auto held = std::make_shared<core::RefusedAct>(std::move(refused));
  parts_.core_loop->post([&driver, held] { driver.note_refusal(*held); });
}

void IoFront::refuse_later(core::Completion done) const {
  auto held = std::make_shared<core::Completion>(std::move(done));
  parts_.own_loop->post([held] {
    (*held)(base::Error{base::ErrorCode::kNotReady, "", "the registry is still loading its catalog",
                        std::nullopt});
  });
}

void IoFront::take(Delivery delivery) {
  if (delivery.publication) catalog_.apply(*delivery.publication);
  for (Answer& answer : delivery.answers) answer.done(answer.reply);
  if (!delivery.stored) return;
  // Telling one may end it, or another.
  const std::vector<const Tail*> all = tails_->all;
  for (const Tail* tail : all) {
    const bool lives = std::find(tails_->all.begin(), tails_->all.end(), tail) != tails_->all.end();
    if (lives) tail->tell(*delivery.stored, delivery.in_touch);
  }
}

void IoFront::when_seen(core::ServiceKey service, uint64_t version, int64_t deadline_ms,
                        base::UniqueFunction<void(size_t unseen)> done) {
  struct Waiting {  // of this thread
    size_t fronts;
    size_t unseen;
    base::UniqueFunction<void(size_t)> done;
  };
  auto waiting = std::make_shared<Waiting>(Waiting{parts_.fronts, 0, std::move(done)});
  const auto report = [loop = parts_.own_loop, waiting](size_t unseen) {
    loop->post([waiting, unseen] {
      waiting->unseen += unseen;
      if (--waiting->fronts > 0) return;
      auto answer = std::move(waiting->done);  // what it owns belongs to this thread
      answer(waiting->unseen);
    });
  };
  // The publication has come to every front before this does: core sent it before the answer.
  parts_.on_every_front(
      [service = std::move(service), version, deadline_ms, report](IoFront& front) {
        front.barrier_.ask({service, version, deadline_ms, report});
      });
}

void IoFront::when_seen_everywhere(core::SeenQuestion question,
                                   base::UniqueFunction<void(core::Seen)> done) {
  const size_t parts = (question.heard_suffices ? 0 : 1) + (parts_.ask_others ? 1 : 0);
  if (parts == 0) return done({});
  const uint64_t asking = ++last_asking_;
  askings_.emplace(asking, Asking{parts, {}, std::move(done)});
  if (!question.heard_suffices) {
    when_seen(question.instance.service, question.version, question.deadline_ms,
              [this, asking](size_t unseen) {
                note_seen(asking, {unseen, 0});
              });
  }
  if (!parts_.ask_others) return;
  parts_.ask_others(std::move(question), [this, asking](const core::Seen& seen) {
    parts_.own_loop->post([this, asking, seen] { note_seen(asking, seen); });
  });
}

void IoFront::note_seen(uint64_t asking, const core::Seen& seen) {
  const auto found = askings_.find(asking);
  if (found == askings_.end()) return;
  Asking& one = found->second;
  one.seen.unseen += seen.unseen;
  one.seen.unreached += seen.unreached;
  if (!seen.heard()) {  // of the other nodes, which are asked as one
    one.seen.unheard = seen.unheard;
    one.seen.cannot_say = seen.cannot_say;
    one.seen.bus = seen.bus;
  }
  if (--one.parts > 0) return;
  auto answered = askings_.extract(found);
  answered.mapped().done(answered.mapped().seen);
}

/// Each part that has not answered is a node that nothing is known of.
void IoFront::stop_waiting() {
  tails_->front = nullptr;  // what still follows may outlive the core
  barrier_.give_up();
  for (auto& [number, asking] : std::exchange(askings_, {})) {
    asking.seen.unreached += asking.parts;
    asking.done(asking.seen);
  }
}

void IoFront::probe(std::vector<core::Probe> probes,
                    base::UniqueFunction<void(std::vector<core::ProbeResult::Outcome>)> done) {
  struct Asked {  // of this thread, but for the probes on their way to core's
    std::vector<core::Probe> probes;
    base::UniqueFunction<void(std::vector<core::ProbeResult::Outcome>)> done;
  };
  auto asked = std::make_shared<Asked>(Asked{std::move(probes), std::move(done)});
  parts_.core_loop->post([asked, probing = parts_.probing, loop = parts_.own_loop] {
    probing->probe_for_another(
        std::move(asked->probes),
        [asked, loop](const std::vector<core::ProbeResult::Outcome>& outcomes) {
          loop->post([asked, outcomes] {
            auto answer = std::move(asked->done);  // what it owns belongs to this thread
            answer(outcomes);
          });
        });
  });
}

core::SessionId IoFront::new_session_id() {
  core::SessionId id;
  unsigned char bytes[16];
  CALLBOOK_CHECK(getrandom(bytes, sizeof bytes, 0) == static_cast<ssize_t>(sizeof bytes));
  for (int i = 0; i < 8; ++i) {
    id.high = id.high << 8 | bytes[i];
    id.low = id.low << 8 | bytes[8 + i];
  }
  return id;
}

void IoFront::report() {
  if (make_report) parts_.board->put(parts_.index, make_report());
  if (on_core_loop() && ready_) parts_.driver->report();
}

std::string IoFront::metrics_text() {
  report();
  return node::metrics_text(parts_.board->snapshot(), facts());
}

std::string IoFront::status_json() {
  report();
  return node::status_json(parts_.board->snapshot(), facts(), now());
}

std::string IoFront::nodes_json() {
  report();
  return node::nodes_json(parts_.board->snapshot(), facts());
}

std::string IoFront::readiness_json() {
  report();
  return node::readiness_json(parts_.board->snapshot(), ready_);
}

}  // namespace callbook::node
