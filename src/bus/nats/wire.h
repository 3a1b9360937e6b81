#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callbook::bus::nats {

// The parts of JetStream's protocol that are read and written here by hand, because the library
// offers them only in calls that wait. Sources: docs.nats.io, "JetStream wire API reference"; the
// subjects and headers as nats-server 2.9.10 writes them.

/// Where a delivered message stands, said by its reply subject:
/// `$JS.ACK.STREAM.CONSUMER.DELIVERED.STREAM_SEQ.CONSUMER_SEQ.TIME.PENDING`, or with the domain and
/// an account's hash before STREAM and more behind.
struct Delivered {
  uint64_t stream_seq = 0;
  uint64_t consumer_seq = 0;  ///< from 1, without gaps: one that is missing was lost on the way
  uint64_t time_ns = 0;       ///< when the server took it in; with stream_seq it names the message
};
/// None if this is not the reply subject of a delivered message.
std::optional<Delivered> parse_delivered(std::string_view reply);

/// Whether an answer of the API carries no error: an object in which the server puts `error` first
/// after `type`, with a `description`.
bool succeeded(std::string_view answer);
/// The description in an answer that did not succeed, or the answer itself.
std::string description_of(std::string_view answer);
/// The server on which a consumer was made, in the answer to the request; empty if it stands alone.
std::string leader_of(std::string_view answer);

/// Whether this is the acknowledgement of a message by the stream of that name:
/// `{"stream":"NAME", "seq":7}`.
bool is_acknowledgement(std::string_view answer, std::string_view stream);

/// A request for a consumer that pushes everything above `after` to `deliver_subject`, once, in
/// order: nothing is acknowledged, heartbeats say how far it is, and it waits when it is not told
/// that its bytes have been taken (flow control). It lives in memory on one server, and goes
/// when nobody listens.
struct ConsumerWish {
  std::string_view stream;
  std::string_view name;
  std::string_view deliver_subject;
  uint64_t after = 0;
  int64_t heartbeat_ms = 0;
};
std::string consumer_request(const ConsumerWish& wish);
std::string consumer_create_subject(std::string_view stream, std::string_view name);
std::string consumer_delete_subject(std::string_view stream, std::string_view name);

/// Digits only; none if there is anything else, or too much.
std::optional<uint64_t> parse_number(std::string_view text);

}  // namespace callbook::bus::nats
