#include "callbook/grpc.h"

#include <algorithm>

namespace callbook {
namespace {

using std::chrono::milliseconds;

/// A host that is gone must not use up the time of a call: there are others.
constexpr milliseconds kConnectTimeout{1'000};
constexpr milliseconds kIdle{600'000};

std::string_view text_of(grpc::string_ref text) {
  return {text.data(), text.size()};
}

grpc::string_ref key_of(std::string_view text) {
  return {text.data(), text.size()};
}

std::string_view group_of(const grpc::ServerContextBase& context) {
  const auto& metadata = context.client_metadata();
  const auto named = metadata.find(key_of(kGroupMetadata));
  return named == metadata.end() ? std::string_view() : text_of(named->second);
}

/// gRPC would wait 20 s for a connection, and up to two minutes before it tries again. The first of
/// these also bounds how long it tries.
grpc::ChannelArguments quick_to_return(grpc::ChannelArguments arguments) {
  for (const char* name : {GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                           GRPC_ARG_MAX_RECONNECT_BACKOFF_MS}) {
    arguments.SetInt(name, static_cast<int>(kConnectTimeout.count()));
  }
  return arguments;
}

}  // namespace

GrpcAdmission::GrpcAdmission(const Guard& guard, grpc::ServerContextBase& context,
                             std::string_view service)
    : admission_(guard.admit(service, group_of(context))) {
  if (admission_) return;
  context.AddTrailingMetadata(std::string(kRefusalHeader),
                              std::string(name_of(*admission_.refusal())));
}

grpc::Status GrpcAdmission::status() const {
  if (admission_) return grpc::Status::OK;
  return {grpc::StatusCode::UNAVAILABLE,
          "this process does not take the call: " + std::string(name_of(*admission_.refusal()))};
}

GrpcChannels::GrpcChannels(std::shared_ptr<grpc::ChannelCredentials> credentials,
                           grpc::ChannelArguments arguments, std::string port_name)
    : credentials_(std::move(credentials)),
      arguments_(quick_to_return(arguments)),
      port_name_(std::move(port_name)) {}

std::shared_ptr<grpc::Channel> GrpcChannels::channel(const Pick& pick) {
  const std::string endpoint = pick.endpoint(port_name_);
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard<std::mutex> lock(mutex_);
  Kept& kept = kept_[endpoint];
  kept.used = now;
  if (kept.channel == nullptr) {
    erase_idle(now - kIdle);
    kept.channel = grpc::CreateCustomChannel(endpoint, credentials_, arguments_);
  }
  return kept.channel;
}

void GrpcChannels::forget_idle(milliseconds idle) {
  const auto oldest = std::chrono::steady_clock::now() - idle;
  const std::lock_guard<std::mutex> lock(mutex_);
  erase_idle(oldest);
}

void GrpcChannels::erase_idle(std::chrono::steady_clock::time_point oldest) {
  std::erase_if(kept_, [&](const auto& entry) { return entry.second.used < oldest; });
}

size_t GrpcChannels::size() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return kept_.size();
}

bool connect_grpc(grpc::Channel& channel, std::chrono::system_clock::time_point deadline) {
  const auto end = std::min(deadline, std::chrono::system_clock::now() + kConnectTimeout);
  for (;;) {
    const grpc_connectivity_state state = channel.GetState(true);
    if (state == GRPC_CHANNEL_READY) return true;
    if (state == GRPC_CHANNEL_SHUTDOWN) return false;
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE) {
      // Not worth a call's time, but whoever is chosen was found to listen a moment ago: gRPC need
      // not pause before it tries again.
      grpc::experimental::ChannelResetConnectionBackoff(&channel);
      return false;
    }
    if (!channel.WaitForStateChange(state, end)) return false;
  }
}

Outcome outcome_of_grpc(const grpc::Status& status, const grpc::ClientContext& context) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE: {
      const auto& metadata = context.GetServerTrailingMetadata();
      const auto named = metadata.find(key_of(kRefusalHeader));
      const bool refused = named != metadata.end() && refusal_from(text_of(named->second));
      return refused ? Outcome::kRefused : Outcome::kFailed;
    }
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::CANCELLED:
      return Outcome::kFailed;
    default:
      return Outcome::kAnswered;
  }
}

}  // namespace callbook
