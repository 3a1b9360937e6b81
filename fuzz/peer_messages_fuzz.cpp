// What one node reads of what another sends: cards, questions, snapshots and changes. Of a snapshot
// the records go into a mirror, as those of another data center would.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "core/node_beat.h"
#include "core/registry.h"
#include "dialects/peer/bearer_codec.h"
#include "dialects/peer/node_card.h"
#include "dialects/peer/probe_codec.h"
#include "dialects/peer/report_codec.h"
#include "dialects/peer/seen_codec.h"
#include "dialects/peer/snapshot_codec.h"

namespace {

namespace core = callbook::core;
namespace peer = callbook::peer;

/// What was read is written and read again as the same.
template <typename Read, typename Write>
void round_trip(std::string_view bytes, Read read, Write write) {
  const auto first = read(bytes);
  if (!first.ok()) return;
  const std::string written = write(*first);
  const auto second = read(written);
  CALLBOOK_CHECK(second.ok());
  CALLBOOK_CHECK(write(*second) == written);
}

void read_card(std::string_view bytes) {
  round_trip(bytes, peer::decode_card, peer::encode_card);
  if (const auto card = peer::decode_card(bytes); card.ok()) {
    static_cast<void>(core::decode_beat(card->beat));
  }
}

void mirror(core::Registry& registry, const peer::SnapshotFrame& frame) {
  using Kind = peer::SnapshotFrame::Kind;
  core::Outputs outputs;
  const core::MirrorRecords input{frame.kind == Kind::kBeginning, frame.kind == Kind::kEnd,
                                  frame.records};
  const callbook::base::Now now{1'000'000, 1'700'000'000'000};
  CALLBOOK_CHECK(registry.step(input, now, outputs).ok());
  static_cast<void>(registry.publish());
}

/// The bytes as they come, checksums and all.
void read_snapshot(std::string_view bytes, bool follows) {
  core::RegistryOptions options;
  options.mirror = true;
  core::Registry registry(options);
  peer::SnapshotDecoder decoder(follows);
  decoder.add(bytes);
  while (true) {
    const auto frame = decoder.next();
    if (!frame.ok() || !*frame) break;
    mirror(registry, **frame);
  }
}

/// Records of any bytes, cut by their first: its length is the first key's, and so on.
void read_records(std::string_view bytes) {
  core::RecordBatch batch;
  while (bytes.size() > 2) {
    const auto key = static_cast<unsigned char>(bytes[0]);
    const auto value = static_cast<unsigned char>(bytes[1]);
    bytes.remove_prefix(2);
    batch.begin(1);
    batch.bytes() += bytes.substr(0, key);
    bytes.remove_prefix(std::min<size_t>(key, bytes.size()));
    batch.end_key();
    batch.bytes() += bytes.substr(0, value);
    bytes.remove_prefix(std::min<size_t>(value, bytes.size()));
    batch.end();
  }
  std::string whole;
  peer::append_beginning(whole, {}, "dc2");
  const size_t sent = peer::append_records(whole, batch);
  peer::append_end(whole, sent);
  peer::append_changes(whole, batch, true);
  read_snapshot(whole, true);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 10) {
    case 0:
      read_card(bytes);
      break;
    case 1:
      round_trip(bytes, peer::decode_seen_items, peer::encode_seen_items);
      break;
    case 2:
      static_cast<void>(peer::decode_seen_answers(bytes, size / 2));
      break;
    case 3:
      round_trip(bytes, peer::decode_probes, peer::encode_probes);
      break;
    case 4:
      static_cast<void>(peer::decode_outcomes(bytes, size / 2));
      break;
    case 5:
      round_trip(bytes, peer::decode_reports, peer::encode_reports);
      break;
    case 6:
      read_snapshot(bytes, true);
      read_snapshot(bytes, false);
      break;
    case 7:
      read_records(bytes);
      break;
    case 8:
      round_trip(bytes, peer::decode_bearer_question, peer::encode_bearer_question);
      break;
    case 9:
      round_trip(bytes, peer::decode_bearer_answer, peer::encode_bearer_answer);
      break;
    default:
      break;
  }
  return 0;
}
