#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sdk/answer_codec.h"
#include "sdk/backoff.h"

namespace callbook::sdk {

/// One thing that a RegistrationPlan wants done.
struct PlanAction {
  enum class Kind : uint8_t {
    kOpenSession,   ///< or, if `session` is given, resume that; answer with opened()
    kRegister,      ///< instance `index` under `session`; answer with registered(round, index, …)
    kAttach,        ///< to `session`; answer with attached(), alive(), ended(), detached()
    kDetach,        ///< drop the stream; nothing more of it may be told
    kHeartbeat,     ///< of `session`; answer with heartbeat_answered()
    kCloseSession,  ///< answer with closed()
    kStartRetry,    ///< a timer of `delay_ms`: retry_due()
    kStartBeat,     ///< a timer of `delay_ms`: beat_due()
    kStartDeadline,   ///< a timer of `delay_ms`: deadline_due()
    kTellRegistered,  ///< the owner: all instances are registered (again)
    kTellTrouble,     ///< the owner: `error` stands in the way, the plan goes on
    kTellFinished,    ///< the owner: the end; `error` if it did not come by stop()
  };
  Kind kind = Kind::kOpenSession;
  size_t index = 0;
  uint64_t round = 0;
  int64_t delay_ms = 0;
  std::string session;
  uint32_t epoch = 0;  ///< of `session`, as it was told last
  std::optional<base::Error> error;
};

/// Decides how the instances of one provider process stay registered through one session: events
/// in, actions out. It knows no socket, clock or thread; see RegistrationKeeper for those.
///
/// The connection of the attach stream is the heartbeat; while there is none, heartbeats are
/// requests. After each new attachment all registrations are sent again, which is nothing to a
/// server that still knows them.
class RegistrationPlan {
 public:
  using Actions = std::vector<PlanAction>;

  static constexpr int64_t kCloseTimeoutMs = 2'000;

  RegistrationPlan(size_t instances, Random random);

  Actions start();
  /// Closes the session and ends; within kCloseTimeoutMs whatever the server does.
  Actions stop();

  Actions opened(base::Result<SessionGrant> result);
  Actions registered(uint64_t round, size_t index, const base::Status& result);
  /// `epoch` as the server says; 0 if it says nothing of it.
  Actions attached(uint32_t epoch = 0);
  /// A sign of life on the stream.
  Actions alive();
  /// The server says that the session has ended.
  Actions ended(const base::Error& error);
  /// The stream is gone, or never came.
  Actions detached(const base::Error& error);
  Actions heartbeat_answered(const base::Status& result);
  Actions closed(const base::Status& result);
  Actions retry_due();
  Actions beat_due();
  Actions deadline_due();

  /// It is another server's turn: nothing that is under way will be answered. The session goes on
  /// there if that server knows it. Only while running.
  Actions moved();
  /// How many servers take turns: the waits grow when all of them have failed in a row.
  void set_servers(size_t servers) { servers_ = servers; }

  bool running() const { return phase_ == Phase::kRunning; }
  bool finished() const { return phase_ == Phase::kFinished; }

 private:
  enum class Phase : uint8_t { kRunning, kClosing, kFinished };
  enum class Stream : uint8_t { kNone, kConnecting, kAttached };
  enum class Registration : uint8_t { kOwed, kSent, kDone };

  void add(PlanAction::Kind kind);
  void add_timer(PlanAction::Kind kind, int64_t delay_ms);
  void add_error(PlanAction::Kind kind, std::optional<base::Error> error);
  Actions flush();

  void advance();
  void owe_all();
  /// Acts on an error of any call: tries again, opens anew, or gives up.
  void react(const base::Error& error);
  void drop_stream();
  void retry_later(const base::Error& error);
  void begin_close();
  void finish(std::optional<base::Error> error);

  Backoff backoff_;
  size_t servers_ = 1;
  Actions actions_;
  Phase phase_ = Phase::kRunning;
  std::optional<SessionGrant> session_;
  Stream stream_ = Stream::kNone;
  std::vector<Registration> registrations_;
  uint64_t round_ = 0;  ///< answers to registrations of an earlier round mean nothing
  bool opening_ = false;
  bool resume_ = false;  ///< the server knows the session, but wants it resumed
  bool resend_ = false;  ///< the registrations are owed again once attached
  bool beating_ = false;
  bool retry_pending_ = false;
  bool beat_pending_ = false;
  std::optional<base::Error> fatal_;  ///< why it closes, unless by stop()
};

}  // namespace callbook::sdk
