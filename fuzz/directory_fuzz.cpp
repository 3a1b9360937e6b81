// What a broken or hostile registry may send to a watcher: nothing crashes, and no list is taken
// away without causes. The input is a script, a line an event:
//   s JSON, d JSON   data of a snapshot or delta event, as it is
//   S JSON, D JSON   the same, with the digest that it should have
//   l                the stream is lost, and another begins
//   c                the registry says that all lists are up to date
//   f                the list in force is so old that its end may be forgotten
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "sdk/directory.h"
#include "sdk/event_codec.h"
#include "sdk/list_digest.h"
#include "sdk/list_doubt.h"

using namespace callbook;
using sdk::Change;
using sdk::Delta;
using sdk::Directory;
using sdk::InstanceList;
using sdk::SnapshotPart;

namespace {

class Script {
 public:
  void run(std::string_view line) {
    if (line.empty()) return;
    const std::string_view json = line.substr(1);
    const bool right_digest = line.front() == 'S' || line.front() == 'D';
    switch (line.front()) {
      case 's':
      case 'S':
        if (auto part = sdk::decode_snapshot(json); part.ok()) snapshot(*part, right_digest);
        break;
      case 'd':
      case 'D':
        if (auto delta = sdk::decode_delta(json); delta.ok()) this->delta(*delta, right_digest);
        break;
      case 'l':
        directory_.stream_lost();
        unfinished_ = false;
        shadow_ = directory_.instances();
        break;
      case 'c':
        directory_.confirmed();
        break;
      case 'f':
        directory_.may_be_forgotten();
        forgotten_ = true;
        break;
      default:
        break;
    }
  }

 private:
  void snapshot(SnapshotPart& part, bool right_digest) {
    if (part.part == 1) shadow_ = InstanceList();
    for (const sdk::Instance& one : part.instances) put(one);
    if (right_digest) part.digest = shadow_.digest();
    const InstanceList before = directory_.instances();
    const auto digest = part.digest;
    if (part.part == 1) said_ = part.empty;
    directory_.take(std::move(part));
    unfinished_ = !digest;
    check_emptied(before);
    check(before, digest);
  }

  void delta(Delta& delta, bool right_digest) {
    for (const Delta::Put& one : delta.put) put(one.instance);
    for (const Delta::Gone& one : delta.gone) shadow_.erase(one.id);
    for (const Delta::NewState& one : delta.states) {
      const sdk::InstancePtr former = shadow_.find(one.id);
      if (!former) continue;
      sdk::Instance changed = *former;
      changed.state = one.state;
      put(changed);
    }
    if (right_digest) delta.digest = shadow_.digest();
    const InstanceList before = directory_.instances();
    const auto digest = delta.digest;
    const std::vector<Change> changes = directory_.take(std::move(delta));
    const bool all_caused = std::all_of(changes.begin(), changes.end(), [](const Change& change) {
      return change.kind != Change::Kind::kLeft || sdk::is_removal_cause(change.cause);
    });
    // It may also be the end of a snapshot.
    if (unfinished_) {
      check_emptied(before);
    } else if (!forgotten_) {
      CALLBOOK_CHECK(all_caused || !sdk::is_collapse(before.size(), directory_.instances().size()));
    }
    if (digest) unfinished_ = false;
    check(before, digest);
  }

  void check_emptied(const InstanceList& before) const {
    const bool emptied = !before.empty() && directory_.instances().empty();
    if (!emptied || forgotten_) return;
    CALLBOOK_CHECK(sdk::doubt_about_emptiness(said_, before.size()).empty());
  }

  void check(const InstanceList& before, std::optional<uint64_t> digest) {
    const InstanceList& now = directory_.instances();
    uint64_t sum = 0;
    for (const auto& held : now) sum += sdk::digest_part(*held.instance);
    CALLBOOK_CHECK(now.digest() == sum);
    const bool dropped = directory_.mismatch() || directory_.refused();
    if (dropped || !digest) CALLBOOK_CHECK(now.digest() == before.digest());
    if (dropped) CALLBOOK_CHECK(!directory_.whole() && !directory_.impaired());
    if (digest && directory_.whole()) CALLBOOK_CHECK(now.digest() == *digest);
    if (digest && !dropped) CALLBOOK_CHECK(directory_.whole() || directory_.impaired());
    CALLBOOK_CHECK(!directory_.impaired() || !directory_.can_resume());
    if (dropped || directory_.impaired()) CALLBOOK_CHECK(!directory_.complaint().empty());
    if (digest) {
      shadow_ = now;
      if (!dropped) forgotten_ = false;
    }
  }

  void put(const sdk::Instance& one) { shadow_.put(std::make_shared<const sdk::Instance>(one)); }

  Directory directory_{"s"};
  InstanceList shadow_;                 ///< what a registry would believe that the client holds
  std::optional<sdk::Emptiness> said_;  ///< by the latest snapshot
  bool unfinished_ = false;             ///< that snapshot
  bool forgotten_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Script script;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    script.run(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return 0;
}
