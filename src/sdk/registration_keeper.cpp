#include "sdk/registration_keeper.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "sdk/process_id.h"

namespace callbook::sdk {
namespace {

using Kind = PlanAction::Kind;

/// A request is given up before it delays the heartbeats behind it for too long.
constexpr int64_t kRequestTimeoutMs = 5'000;
/// The stream says that it is alive every heartbeat; a session lives for three.
constexpr int64_t kSilentHeartbeats = 3;
/// However short the interval, an answer may take so long.
constexpr int64_t kShortestTimeoutMs = 500;

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
    if (keeper_.turns_out_old(error)) return keeper_.attach(keeper_.attached_for_);
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
      registries_(*options_.registries),
      plan_(options_.entries.size(), std::move(random)),
      reader_(std::make_unique<StreamReader>(*this)) {
  CALLBOOK_CHECK(!options_.entries.empty());
  for (const Entry& entry : options_.entries) {
    said_.push_back({{entry.status, {}}, false, std::nullopt});
  }
  if (registries_.is_waiting()) {
    listener_ = std::make_shared<std::function<void()>>([this] { begin(); });
    registries_.when_looked_up(listener_);
  } else {
    begin();
  }
}

RegistrationKeeper::~RegistrationKeeper() = default;

void RegistrationKeeper::begin() {
  follow_pool();
  perform(plan_.start());
}

void RegistrationKeeper::stop() {
  follow_pool();  // if one that failed is to be left, then before the session is closed
  perform(plan_.stop());
}

void RegistrationKeeper::follow_pool() {
  const Endpoint* const current = registries_.current();
  plan_.set_servers(std::max<size_t>(registries_.size(), 1));
  if (!left_ || current == nullptr || !plan_.running()) return;
  left_ = false;
  if (endpoint_ == *current) return;
  const bool first = !endpoint_;
  endpoint_ = *current;
  client_ = std::make_unique<NativeClient>(loop_, *endpoint_, kRequestTimeoutMs);
  client_->carry_stamp(stamp_);
  if (!first) perform(plan_.moved());
}

void RegistrationKeeper::retry() {
  follow_pool();
  perform(plan_.retry_due());
}

void RegistrationKeeper::open_session(const PlanAction& action) {
  if (!client_) {
    const base::Error error = registries_.nobody();
    registries_.found_none();
    retry_ = loop_.after(0, [this, error] { perform(plan_.opened(error)); });
    return;
  }
  const auto opened = [this, action](base::Result<SessionGrant> result) {
    if (!result.ok() && turns_out_old(result.error())) return open_session(action);
    if (result.ok()) {
      heartbeat_ms_ = result->heartbeat_ms;
      registries_.learned(result->nodes, *endpoint_);
    }
    perform(plan_.opened(std::move(result)));
  };
  const bool speaks = takes_today();
  if (action.session.empty()) {
    const std::string process = speaks ? process_id() : std::string();
    client_->open_session({options_.ttl_ms, options_.client, speaks, process}, opened);
  } else {
    client_->resume_session(action.session, action.epoch, speaks, opened);
  }
}

/// Whether the registry has refused a field or parameter because its release does not know it. Then
/// the same is to be asked of it without.
bool RegistrationKeeper::turns_out_old(const base::Error& error) {
  const bool is_new = error.field == "speaks" || error.field == "process" ||
                      error.field == "status" || error.field == "take_over" ||
                      error.field == "shares_port";
  if (error.code != base::ErrorCode::kInvalid || !is_new || !takes_today()) return false;
  registries_.found_old(*endpoint_);
  return true;
}

void RegistrationKeeper::perform(RegistrationPlan::Actions actions) {
  for (const PlanAction& action : actions) perform(action);
}

void RegistrationKeeper::perform(const PlanAction& action) {
  switch (action.kind) {
    case Kind::kOpenSession:
      open_session(action);
      return;
    case Kind::kRegister:
      send_registration(action);
      return;
    case Kind::kSendStatus:
      send_status(action);
      return;
    case Kind::kAttach:
      attach(action);
      return;
    case Kind::kDetach:
      stream_.reset();
      return;
    case Kind::kHeartbeat:
      send_heartbeat(action);
      return;
    case Kind::kCloseSession:
      client_->close_session(
          action.session, [this](const auto& result) { perform(plan_.closed(status_of(result))); });
      return;
    case Kind::kStartRetry:
      retry_ = loop_.after(action.delay_ms, [this] { retry(); });
      return;
    case Kind::kStartBeat:
      beat_ = loop_.after(action.delay_ms, [this] { perform(plan_.beat_due()); });
      return;
    case Kind::kStartDeadline:
      deadline_ = loop_.after(action.delay_ms, [this] { perform(plan_.deadline_due()); });
      return;
    case Kind::kTellRegistered:
    case Kind::kTellTrouble:
    case Kind::kTellRestored:
    case Kind::kTellStatusRefused:
    case Kind::kTellFinished:
      tell(action);
      return;
  }
}

void RegistrationKeeper::tell(const PlanAction& action) {
  if (action.kind == Kind::kTellRegistered) return owner_.on_registered();
  if (action.kind == Kind::kTellTrouble) return tell_trouble(*action.error);
  if (action.kind == Kind::kTellRestored) {
    said_[action.index].withdrawal.reset();
    return owner_.on_restored(action.index);
  }
  if (action.kind == Kind::kTellStatusRefused) {
    return owner_.on_status_refused(action.index, *action.error);
  }
  owner_.on_finished(action.error ? base::Status(*action.error) : base::Status());
}

void RegistrationKeeper::tell_trouble(base::Error error) {
  if (endpoint_ && is_the_servers_fault(error.code)) {
    registries_.failed(*endpoint_, error);
    left_ = true;
    // While none of several answers, each is named with its reason.
    if (registries_.size() > 1 && error.code == base::ErrorCode::kIo) {
      error.detail = registries_.tried();
    }
  }
  owner_.on_trouble(error);
}

void RegistrationKeeper::send_heartbeat(const PlanAction& action) {
  const int64_t timeout_ms = std::clamp(heartbeat_ms_, kShortestTimeoutMs, kRequestTimeoutMs);
  client_->heartbeat(action.session, action.epoch, timeout_ms, [this](const auto& result) {
    perform(plan_.heartbeat_answered(status_of(result)));
  });
}

void RegistrationKeeper::send_registration(const PlanAction& action) {
  const Entry& entry = options_.entries[action.index];
  RegistrationTerms terms{action.session};
  if (takes_today()) {
    const Said& said = said_[action.index];
    if (!said.announced || !entry.status_once) terms.status = said.status.status;
    // Who has taken the id since is not to be thrown out because a connection broke.
    terms.take_over = options_.take_over && !said.announced;
    terms.shares_port = entry.shares_port;
  }
  client_->register_instance(
      entry.service, entry.instance, terms, [this, action](const auto& result) {
        if (!result.ok() && turns_out_old(result.error())) {
          return send_registration(action);
        }
        if (result.ok()) said_[action.index].announced = true;
        perform(plan_.registered(action.round, action.index, status_of(result)));
      });
}

void RegistrationKeeper::set_status(size_t index, ProviderStatus status) {
  said_[index].status = std::move(status);
  perform(plan_.status_changed(index));
}

void RegistrationKeeper::send_status(const PlanAction& action) {
  const auto answered = [this, action](const base::Status& result) {
    perform(plan_.status_answered(action.round, action.index, result));
  };
  if (!takes_today()) {
    const auto detail =
        fmt::format("{} is of a release that takes no status", endpoint_->to_string());
    return answered(base::Error{base::ErrorCode::kInvalid, "status", detail, {}});
  }
  const Entry& entry = options_.entries[action.index];
  client_->set_status(entry.service, entry.instance.id, action.session, said_[action.index].status,
                      [answered](const auto& result) { answered(status_of(result)); });
}

void RegistrationKeeper::attach(const PlanAction& action) {
  attached_for_ = action;
  net::ClientRequest request = attach_request(action.session, action.epoch, takes_today());
  request.timeout_ms = kRequestTimeoutMs;
  stream_ = std::make_unique<EventStream>(loop_, *endpoint_, std::move(request),
                                          heartbeat_ms_ * kSilentHeartbeats, *reader_);
}

void RegistrationKeeper::on_event(const ServerEvent& event) {
  if (event.name == "attached") {
    const auto grant = decode_session(event.data);
    if (grant.ok()) registries_.learned(grant->nodes, *endpoint_);
    perform(grant.ok() ? plan_.attached(grant->epoch, grant->speaks) : plan_.attached());
  } else if (event.name == "alive") {
    registries_.succeeded(*endpoint_);
    perform(plan_.alive());
  } else if (event.name == "ended" || event.name == "superseded") {
    base::Error error = decode_problem(409, event.data);
    if (event.name == "superseded") error.code = base::ErrorCode::kSuperseded;
    perform(plan_.ended(error));
  } else if (event.name == "drained" || event.name == "restored") {
    take_withdrawal(event);
  } else if (event.name == "leaving") {
    send_away(event.data);
  }
}

void RegistrationKeeper::take_withdrawal(const ServerEvent& event) {
  const auto read = decode_withdrawal(event.data);
  if (!read.ok()) return;  // for people: nothing depends on it
  for (size_t i = 0; i < options_.entries.size(); ++i) {
    const Entry& entry = options_.entries[i];
    const bool is_meant = entry.instance.id == read->id && entry.service.service == read->service &&
                          entry.service.name_space == read->name_space;
    if (!is_meant) continue;
    if (event.name == "restored") return perform(plan_.restored(i));
    plan_.withdrawn(i);
    // Each stream begins with what is out: that is news once.
    if (said_[i].withdrawal == read->withdrawal) return;
    said_[i].withdrawal = read->withdrawal;
    return owner_.on_withdrawn(i, read->withdrawal);
  }
}

/// The registry stops, and names where to go on. Its stream ends behind this.
void RegistrationKeeper::send_away(std::string_view data) {
  const auto nodes = decode_leaving(data);
  if (nodes.ok()) registries_.learned(*nodes, *endpoint_);
}

}  // namespace callbook::sdk
