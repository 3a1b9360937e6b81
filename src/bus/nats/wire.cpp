#include "bus/nats/wire.h"

#include <array>
#include <charconv>

#include <fmt/format.h>

namespace callbook::bus::nats {
namespace {

constexpr std::string_view kDeliveredPrefix = "$JS.ACK.";
constexpr int64_t kNsPerMs = 1'000'000;
/// Long enough for a node that is stopped for a moment; it then finds its place kept.
constexpr int64_t kInactiveMs = 10'000;

}  // namespace

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<Delivered> parse_delivered(std::string_view reply) {
  if (!reply.starts_with(kDeliveredPrefix)) return std::nullopt;
  reply.remove_prefix(kDeliveredPrefix.size());
  std::array<std::string_view, 10> tokens;
  size_t count = 0;
  while (count < tokens.size()) {
    const size_t dot = reply.find('.');
    tokens[count++] = reply.substr(0, dot);
    if (dot == std::string_view::npos) break;
    reply.remove_prefix(dot + 1);
  }
  // Short: stream, consumer, delivered, stream seq, consumer seq, time, pending.
  // Long: domain and account in front, and possibly a token that makes it unique behind.
  constexpr size_t kShort = 7;
  constexpr size_t kLong = 9;
  if (count != kShort && count < kLong) return std::nullopt;
  const size_t first = count == kShort ? 3 : 5;
  const auto stream_seq = parse_number(tokens[first]);
  const auto consumer_seq = parse_number(tokens[first + 1]);
  const auto time_ns = parse_number(tokens[first + 2]);
  if (!stream_seq || !consumer_seq || !time_ns) return std::nullopt;
  return Delivered{*stream_seq, *consumer_seq, *time_ns};
}

bool succeeded(std::string_view answer) {
  return answer.starts_with("{") && answer.find("\"error\":") == std::string_view::npos;
}

std::string description_of(std::string_view answer) {
  constexpr std::string_view kName = "\"description\":\"";
  const size_t at = answer.find(kName);
  if (at == std::string_view::npos) return std::string(answer.substr(0, 200));
  answer.remove_prefix(at + kName.size());
  return std::string(answer.substr(0, answer.find('"')));
}

std::string leader_of(std::string_view answer) {
  constexpr std::string_view kName = "\"leader\":\"";
  const size_t at = answer.find(kName);
  if (at == std::string_view::npos) return {};
  answer.remove_prefix(at + kName.size());
  return std::string(answer.substr(0, answer.find('"')));
}

bool is_acknowledgement(std::string_view answer, std::string_view stream) {
  constexpr std::string_view kStream = "\"stream\":\"";
  if (!succeeded(answer)) return false;
  const size_t at = answer.find(kStream);
  if (at == std::string_view::npos) return false;
  const std::string_view named = answer.substr(at + kStream.size());
  return named.starts_with(stream) && named.substr(stream.size()).starts_with('"') &&
         answer.find("\"seq\":") != std::string_view::npos;
}

std::string consumer_request(const ConsumerWish& wish) {
  return fmt::format(
      R"({{"stream_name":"{}","config":{{"name":"{}","deliver_policy":"by_start_sequence",)"
      R"("opt_start_seq":{},"ack_policy":"none","max_deliver":1,"replay_policy":"instant",)"
      R"("flow_control":true,"idle_heartbeat":{},"deliver_subject":"{}","num_replicas":1,)"
      R"("mem_storage":true,"inactive_threshold":{}}}}})",
      wish.stream, wish.name, wish.after + 1, wish.heartbeat_ms * kNsPerMs, wish.deliver_subject,
      kInactiveMs * kNsPerMs);
}

std::string consumer_create_subject(std::string_view stream, std::string_view name) {
  return fmt::format("$JS.API.CONSUMER.CREATE.{}.{}", stream, name);
}

std::string consumer_delete_subject(std::string_view stream, std::string_view name) {
  return fmt::format("$JS.API.CONSUMER.DELETE.{}.{}", stream, name);
}

}  // namespace callbook::bus::nats
