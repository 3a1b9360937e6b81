#include "sdk/registration_keeper.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace callbook::sdk {
namespace {

using Kind = PlanAction::Kind;

/// A request is given up before it delays the heartbeats behind it for too long.
constexpr int64_t kRequestTimeoutMs = 5'000;
/// The stream says that it is alive every heartbeat; a session lives for three.
constexpr int64_t kSilentHeartbeats = 3;

template <typename T>
base::Status status_of(const base::Result<T>& result) {
  if (result.ok()) return {};
  return result.error();
}

}  // namespace

class RegistrationKeeper::StreamReader final : public EventStream::Reader {
 public:
  explicit StreamReader(RegistrationKeeper& keeper) : keeper_(keeper) {}
  void on_event(const ServerEvent& event) override { keeper_.on_event(event); }
  void on_closed(const base::Error& error) override {
    keeper_.perform(keeper_.plan_.detached(error));
  }

 private:
  RegistrationKeeper& keeper_;
};

RegistrationKeeper::RegistrationKeeper(net::EventLoop& loop, Options options, Random random,
                                       Owner& owner)
    : loop_(loop),
      options_(std::move(options)),
      owner_(owner),
      plan_(options_.entries.size(), std::move(random)),
      client_(loop, options_.endpoint, kRequestTimeoutMs),
      reader_(std::make_unique<StreamReader>(*this)) {
  CALLBOOK_CHECK(!options_.entries.empty());
  perform(plan_.start());
}

RegistrationKeeper::~RegistrationKeeper() = default;

void RegistrationKeeper::stop() {
  perform(plan_.stop());
}

void RegistrationKeeper::perform(RegistrationPlan::Actions actions) {
  for (const PlanAction& action : actions) perform(action);
}

void RegistrationKeeper::perform(const PlanAction& action) {
  switch (action.kind) {
    case Kind::kOpenSession:
      client_.open_session(options_.ttl_ms, options_.client, [this](auto result) {
        if (result.ok()) silence_ms_ = result->heartbeat_ms * kSilentHeartbeats;
        perform(plan_.opened(std::move(result)));
      });
      return;
    case Kind::kRegister:
      send_registration(action);
      return;
    case Kind::kAttach:
      attach(action);
      return;
    case Kind::kDetach:
      stream_.reset();
      return;
    case Kind::kHeartbeat:
      client_.heartbeat(action.session, [this](const auto& result) {
        perform(plan_.heartbeat_answered(status_of(result)));
      });
      return;
    case Kind::kCloseSession:
      client_.close_session(
          action.session, [this](const auto& result) { perform(plan_.closed(status_of(result))); });
      return;
    case Kind::kStartRetry:
      retry_ = loop_.after(action.delay_ms, [this] { perform(plan_.retry_due()); });
      return;
    case Kind::kStartBeat:
      beat_ = loop_.after(action.delay_ms, [this] { perform(plan_.beat_due()); });
      return;
    case Kind::kStartDeadline:
      deadline_ = loop_.after(action.delay_ms, [this] { perform(plan_.deadline_due()); });
      return;
    case Kind::kTellRegistered:
    case Kind::kTellTrouble:
    case Kind::kTellFinished:
      tell(action);
      return;
  }
}

void RegistrationKeeper::tell(const PlanAction& action) {
  if (action.kind == Kind::kTellRegistered) return owner_.on_registered();
  if (action.kind == Kind::kTellTrouble) return owner_.on_trouble(*action.error);
  owner_.on_finished(action.error ? base::Status(*action.error) : base::Status());
}

void RegistrationKeeper::send_registration(const PlanAction& action) {
  const Entry& entry = options_.entries[action.index];
  client_.register_instance(entry.service, entry.instance, action.session,
                            [this, round = action.round, index = action.index](const auto& result) {
                              perform(plan_.registered(round, index, status_of(result)));
                            });
}

void RegistrationKeeper::attach(const PlanAction& action) {
  net::ClientRequest request = attach_request(action.session);
  request.timeout_ms = kRequestTimeoutMs;
  stream_ = std::make_unique<EventStream>(loop_, options_.endpoint, std::move(request), silence_ms_,
                                          *reader_);
}

void RegistrationKeeper::on_event(const ServerEvent& event) {
  if (event.name == "attached") {
    perform(plan_.attached());
  } else if (event.name == "alive") {
    perform(plan_.alive());
  } else if (event.name == "ended") {
    perform(plan_.ended(decode_problem(409, event.data)));
  }
}

}  // namespace callbook::sdk
