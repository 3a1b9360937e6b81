// What one node takes from another while the bus is away: the message is read and written again as
// the same, and its records go into a node that serves, twice, since they come at least once. (They
// may change something the second time: a ghost's record is taken once the session is known.)

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "core/registry.h"
#include "dialects/peer/direct_codec.h"

namespace {

namespace core = callbook::core;
namespace peer = callbook::peer;

core::RecordBatch batch_of(const peer::DirectRecords& read) {
  core::RecordBatch batch;
  for (const core::BusMessage& record : read.records) {
    batch.begin(1);
    batch.bytes() += record.key;
    batch.end_key();
    batch.bytes() += record.value;
    batch.end();
  }
  return batch;
}

void check_round_trip(const peer::DirectRecords& read) {
  const std::string written = peer::encode_direct(read.cluster, batch_of(read));
  // Lengths may have been padded: then what is written is shorter.
  CALLBOOK_CHECK(written.size() <= read.bytes.size());
  const auto again = peer::decode_direct(written);
  CALLBOOK_CHECK(again.ok());
  CALLBOOK_CHECK((*again)->cluster == read.cluster);
  CALLBOOK_CHECK(peer::encode_direct((*again)->cluster, batch_of(**again)) == written);
}

/// A node that lost the bus after it had begun to serve.
class Node {
 public:
  Node() : registry_(options()) {
    step(core::FinishLoading{});
    core::ReportBus heads;
    for (core::StreamPosition& head : heads.heads) head = {1, 0};
    step(heads);
    while (registry_.phase() != core::Phase::kServing) advance(100);
    step(core::ReportBusLost{});
  }

  void step(const core::Input& input) {
    core::Outputs outputs;
    CALLBOOK_CHECK(registry_.step(input, now_, outputs).ok());
    static_cast<void>(registry_.publish());
  }
  void advance(int64_t ms) {
    now_.mono_ms += ms;
    now_.wall_ms += ms;
    step(core::AdvanceTime{});
  }

 private:
  static core::RegistryOptions options() {
    core::RegistryOptions options;
    options.clustered = true;
    return options;
  }

  core::Registry registry_;
  callbook::base::Now now_{1'000'000, 1'700'000'000'000};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto read = peer::decode_direct({reinterpret_cast<const char*>(data), size});
  if (!read.ok()) return 0;
  CALLBOOK_CHECK((*read)->records.size() <= peer::kMaxDirectRecords);
  check_round_trip(**read);

  Node node;
  const core::ApplyDirect told{(*read)->records};
  node.step(told);
  node.step(told);
  for (const int64_t ms : {100, 10'000, 60'000, 3'600'000}) node.advance(ms);
  return 0;
}
