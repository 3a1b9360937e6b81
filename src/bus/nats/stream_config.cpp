#include "bus/nats/stream_config.h"

#include <cstdint>
#include <random>
#include <string>

#include <fmt/format.h>

#include "base/hash.h"
#include "bus/nats/subscription.h"

namespace callbook::bus::nats {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr size_t kEnoughServers = 3;

/// The wanted configuration, with the bytes that it borrows.
struct Wanted {
  Wanted(const Options& options, const Names& names, Stream stream)
      : name(names.stream(stream)), filter(names.filter(stream)), subjects{filter.c_str()} {
    jsStreamConfig_Init(&config);
    config.Name = name.c_str();
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Retention = js_LimitsPolicy;
    config.MaxMsgsPerSubject = 1;
    config.MaxAge = stream == Stream::kTied ? options.tied_age_ms * kNsPerMs : 0;
    config.Storage = js_FileStorage;
    config.Discard = js_DiscardOld;
    const uint32_t fitting = options.servers.size() >= kEnoughServers ? 3 : 1;
    config.Replicas = options.replicas == 0 ? fitting : options.replicas;
    // Nothing but age and a key's next message takes a message out, short of deleting the stream.
    config.DenyDelete = true;
    config.DenyPurge = true;
  }
  Wanted(const Wanted&) = delete;
  Wanted& operator=(const Wanted&) = delete;

  std::string name;
  std::string filter;
  const char* subjects[1];
  jsStreamConfig config;
};

jsOptions request_options(int64_t patience_ms) {
  jsOptions request;
  jsOptions_Init(&request);
  request.Wait = patience_ms;
  return request;
}

base::Error being_made() {
  return {base::ErrorCode::kIo, "bus", "a stream is being made", std::nullopt};
}

base::Error refusal(const Wanted& wanted, const jsStreamConfig& found) {
  return {base::ErrorCode::kConflict, "stream",
          fmt::format("{} is not configured as it must be. Wanted: {}. Found: {}", wanted.name,
                      describe(wanted.config), describe(found)),
          std::nullopt};
}

/// Servers of 2.9 that are asked for the same stream by two nodes at once may each keep another of
/// the two times of creation, and tell it whenever it leads: every change of leader would look like
/// a new generation. Of two requests that differ they all keep the later one.
std::string distinct_description(const Options& options) {
  std::random_device random;
  return fmt::format("Made by callbook node {}, {:08x}{:08x}", options.node, random(), random());
}

base::Result<StreamFacts> make_stream(jsCtx* context, const Options& options, Wanted& wanted) {
  jsOptions request = request_options(options.request_timeout_ms);
  const std::string description = distinct_description(options);
  wanted.config.Description = description.c_str();
  jsStreamInfo* made = nullptr;
  jsErrCode code{};
  const natsStatus status = js_AddStream(&made, context, &wanted.config, &request, &code);
  const StreamInfoHandle info(made);
  wanted.config.Description = nullptr;
  if (status == NATS_OK) return facts_of(*info);
  if (code == JSStreamNameExistErr) return being_made();
  base::Error error = failure("making the stream " + wanted.name, status);
  error.detail += fmt::format(" ({}, code {})", nats_GetLastError(nullptr), static_cast<int>(code));
  return error;
}

}  // namespace

std::string describe(const jsStreamConfig& config) {
  std::string subjects;
  for (int i = 0; i < config.SubjectsLen; ++i) {
    subjects += (i == 0 ? "" : " ") + std::string(config.Subjects[i]);
  }
  const bool copied = config.Mirror != nullptr || config.SourcesLen != 0;
  return fmt::format(
      "subjects {}, replicas {}, {} storage, {} retention, max age {} ms, {} per subject, max "
      "messages {}, max bytes {}, max message {}, deny delete {}, deny purge {}{}{}{}",
      subjects, config.Replicas, config.Storage == js_FileStorage ? "file" : "memory",
      config.Retention == js_LimitsPolicy ? "limits" : "other", config.MaxAge / kNsPerMs,
      config.MaxMsgsPerSubject, config.MaxMsgs, config.MaxBytes, config.MaxMsgSize,
      config.DenyDelete, config.DenyPurge, config.NoAck ? ", no ack" : "",
      config.Sealed ? ", sealed" : "", copied ? ", mirror or sources" : "");
}

base::Result<StreamFacts> facts_of(const jsStreamInfo& info) {
  // While a server makes a stream it answers already, with the first day of the year 1.
  if (info.Created <= 0) {
    return being_made();
  }
  const uint64_t generation = base::mix64(static_cast<uint64_t>(info.Created));
  const bool led = info.Cluster != nullptr && info.Cluster->Leader != nullptr;
  return StreamFacts{{generation == 0 ? 1 : generation, info.State.LastSeq},
                     led ? info.Cluster->Leader : ""};
}

base::Result<StreamFacts> ensure_stream(jsCtx* context, const Options& options, const Names& names,
                                        Stream stream, int64_t patience_ms) {
  Wanted wanted(options, names, stream);
  jsOptions request = request_options(patience_ms);
  jsStreamInfo* found = nullptr;
  jsErrCode code{};
  const natsStatus status = js_GetStreamInfo(&found, context, wanted.name.c_str(), &request, &code);
  const StreamInfoHandle info(found);
  if (status == NATS_NOT_FOUND || code == JSStreamNotFoundErr) {
    return make_stream(context, options, wanted);
  }
  if (status != NATS_OK) return failure("asking about the stream " + wanted.name, status);
  if (options.replicas == 0) wanted.config.Replicas = info->Config->Replicas;
  if (describe(wanted.config) != describe(*info->Config)) return refusal(wanted, *info->Config);
  return facts_of(*info);
}

}  // namespace callbook::bus::nats
