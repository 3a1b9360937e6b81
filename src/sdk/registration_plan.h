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
    kSendStatus,    ///< of instance `index`, the latest; answer with status_answered(round, …)
    kAttach,        ///< to `session`; answer with attached(), alive(), ended(), detached()
    kDetach,        ///< drop the stream; nothing more of it may be told
    kHeartbeat,     ///< of `session`; answer with heartbeat_answered()
    kCloseSession,  ///< answer with closed()
    kStartRetry,    ///< a timer of `delay_ms`: retry_due()
    kStartBeat,     ///< a timer of `delay_ms`: beat_due()
    kStartDeadline,      ///< a timer of `delay_ms`: deadline_due()
    kTellRegistered,     ///< the owner: all instances are registered (again)
    kTellTrouble,        ///< the owner: `error` stands in the way, the plan goes on
    kTellRestored,       ///< the owner: instance `index` is no longer kept out by an operator
    kTellStatusRefused,  ///< the owner: the registry does not take the status of `index`, for
                         ///< `error`
    kTellFinished,       ///< the owner: the end; `error` if it did not come by stop()
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
/// Heartbeats are requests, sent within each interval that the server asks for, also while a stream
/// is attached: they are this process's word that it runs. To a server that does not take that word
/// (release 0.1) an attached stream is the heartbeat, and requests are sent while there is none.
/// After each new attachment all registrations are sent again, which is nothing to a server that
/// still knows them; but not those of instances that an operator keeps out.
///
/// An id that another process holds is asked for again and again, at growing intervals.
class RegistrationPlan {
 public:
  using Actions = std::vector<PlanAction>;

  static constexpr int64_t kCloseTimeoutMs = 2'000;
  /// Waits before an id that another process holds is asked for again.
  static constexpr int64_t kFirstConflictMs = 1'000;
  static constexpr int64_t kLargestConflictMs = 10'000;
  /// So many heartbeats in a row without an answer on a session whose stream goes on, and another
  /// server is tried.
  static constexpr int kMissedBeats = 2;

  RegistrationPlan(size_t instances, Random random);

  Actions start();
  /// Closes the session and ends; within kCloseTimeoutMs whatever the server does.
  Actions stop();

  Actions opened(base::Result<SessionGrant> result);
  Actions registered(uint64_t round, size_t index, const base::Status& result);
  /// `epoch` as the server says, 0 if it says nothing of it; `speaks`: it wants heartbeats.
  Actions attached(uint32_t epoch = 0, bool speaks = false);
  /// A sign of life on the stream. It comes behind the events of all instances that are kept out.
  Actions alive();
  /// An operator has taken the instance out, or has ended that.
  void withdrawn(size_t index);
  Actions restored(size_t index);
  /// The provider says anew how the instance is.
  Actions status_changed(size_t index);
  Actions status_answered(uint64_t round, size_t index, const base::Status& result);
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
  enum class Progress : uint8_t { kNothing, kOwed, kSent, kDone };
  struct Entry {
    Progress registration = Progress::kOwed;
    Progress status = Progress::kNothing;  ///< kNothing: its provider has said none
    bool sending = false;                  ///< a status is under way, if not the latest
    bool withdrawn = false;
    bool confirmed = false;  ///< on this stream it has been said that it is withdrawn
  };

  void add(PlanAction::Kind kind);
  void add_for(PlanAction::Kind kind, size_t index);
  void add_timer(PlanAction::Kind kind, int64_t delay_ms);
  void add_error(PlanAction::Kind kind, std::optional<base::Error> error);
  Actions flush();

  void advance();
  void send_statuses();
  void tell_if_registered();
  /// All registrations are to be sent; but not, unless `withdrawn_too`, those of instances that are
  /// kept out of a session that the server knows.
  void owe(bool withdrawn_too);
  int64_t beat_ms();
  void miss_beat(const base::Error& error);
  /// Acts on an error of any call: tries again, opens anew, or gives up.
  void react(const base::Error& error);
  void drop_stream();
  void retry_later(const base::Error& error);
  /// Unless a retry is pending already; `backoff` says when.
  void retry_after(Backoff& backoff, size_t servers, const base::Error& error);
  void begin_close();
  void finish(std::optional<base::Error> error);

  Random random_;
  Backoff backoff_;
  Backoff conflict_backoff_;
  size_t servers_ = 1;
  Actions actions_;
  Phase phase_ = Phase::kRunning;
  std::optional<SessionGrant> session_;
  Stream stream_ = Stream::kNone;
  std::vector<Entry> entries_;
  uint64_t round_ = 0;  ///< answers to registrations of an earlier round mean nothing
  bool opening_ = false;
  bool resume_ = false;  ///< the server knows the session, but wants it resumed
  bool resend_ = false;  ///< the registrations are owed again once attached
  bool beating_ = false;
  int missed_beats_ = 0;
  bool retry_pending_ = false;
  bool beat_pending_ = false;
  std::optional<base::Error> fatal_;  ///< why it closes, unless by stop()
};

}  // namespace callbook::sdk
