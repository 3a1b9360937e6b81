#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "callbook/call.h"
#include "callbook/guard.h"
#include "callbook/service.h"
#include <grpcpp/grpcpp.h>

// The optional component callbook_grpc: safe retries for gRPC C++.

namespace callbook {

/// The metadata by which a caller asks for one group of a service.
inline constexpr std::string_view kGroupMetadata = "callbook-group";

/// Turns away a call that `guard` does not let in. At the beginning of each handler, since nothing
/// else of gRPC C++ can answer before one runs (docs/decisions/0014):
///
///     const callbook::GrpcAdmission admission(guard, *context);
///     if (!admission) return admission.status();
///
/// The call is over when it is destroyed.
class GrpcAdmission {
 public:
  /// Asks for `service`, and for the group of it that the caller named (kGroupMetadata), if any.
  /// An empty name asks for nothing in particular, whatever the group.
  GrpcAdmission(const Guard& guard, grpc::ServerContextBase& context,
                std::string_view service = {});
  explicit operator bool() const { return static_cast<bool>(admission_); }
  /// UNAVAILABLE; that it is a refusal stands in the trailing metadata (kRefusalHeader).
  grpc::Status status() const;

 private:
  Guard::Admission admission_;
};

/// One channel for each endpoint, as long as it is used. Thread-safe.
class GrpcChannels {
 public:
  /// `port_name`: which of an instance's ports; empty: its default. Of `arguments`, when to connect
  /// again is set here: whom to call is for the directory to say.
  explicit GrpcChannels(std::shared_ptr<grpc::ChannelCredentials> credentials,
                        grpc::ChannelArguments arguments = {}, std::string port_name = {});

  std::shared_ptr<grpc::Channel> channel(const Pick& pick);
  /// Drops those that nobody has asked for within `idle`. Happens by itself after ten minutes, when
  /// another is made; calls under way go on.
  void forget_idle(std::chrono::milliseconds idle);
  size_t size() const;

 private:
  struct Kept {
    std::shared_ptr<grpc::Channel> channel;
    std::chrono::steady_clock::time_point used;
  };
  void erase_idle(std::chrono::steady_clock::time_point oldest);

  const std::shared_ptr<grpc::ChannelCredentials> credentials_;
  const grpc::ChannelArguments arguments_;
  const std::string port_name_;
  mutable std::mutex mutex_;
  std::map<std::string, Kept> kept_;  // by endpoint; under mutex_
};

/// Whether there is a connection, or one comes about by `deadline` and within a second.
bool connect_grpc(grpc::Channel& channel, std::chrono::system_clock::time_point deadline);

/// What a call that was sent came to. UNAVAILABLE with kRefusalHeader is a refusal; without it, and
/// for DEADLINE_EXCEEDED and CANCELLED, it failed: gRPC says these of broken connections. Every
/// other code is the answer of a handler.
Outcome outcome_of_grpc(const grpc::Status& status, const grpc::ClientContext& context);

/// One attempt for call(): sends nothing unless there is a connection, else has
/// `invoke(channel, context)` make the call, with the deadline set, and return its grpc::Status.
template <typename Invoke>
Outcome grpc_attempt(GrpcChannels& channels, const Pick& pick, std::chrono::milliseconds timeout,
                     grpc::Status& status, Invoke&& invoke) {
  const auto deadline = std::chrono::system_clock::now() + timeout;
  const std::shared_ptr<grpc::Channel> channel = channels.channel(pick);
  if (!connect_grpc(*channel, deadline)) {
    status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "no connection to '" + pick.id() + "'");
    return Outcome::kNotSent;
  }
  grpc::ClientContext context;
  context.set_deadline(deadline);
  status = std::forward<Invoke>(invoke)(channel, context);
  return outcome_of_grpc(status, context);
}

}  // namespace callbook
