#include "sim/section_checker.h"

#include <bit>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

constexpr int kHoldersThatKeepIt = 2;
constexpr size_t kDumpedAtOnce = 4'096;

}  // namespace

void SectionChecker::expect(const std::string& record_key, uint8_t tag, std::string bytes) {
  sections_[record_key][tag].push_back({std::move(bytes), 0});
}

void SectionChecker::on_step(size_t node, const core::Outputs& out) {
  if (sections_.empty()) return;
  for (size_t i = 0; i < out.records.size(); ++i) {
    const core::RecordBatch::Item item = out.records[i];
    const auto found = sections_.find(item.key);
    if (found == sections_.end()) continue;
    if (item.value.empty()) {
      sections_.erase(found);
      continue;
    }
    for (auto& [tag, published] : found->second) {
      for (Section& section : published) {
        if (item.value.find(section.bytes) == std::string_view::npos) continue;
        if (!evidence_.conditions.disk_failed(node)) section.holders |= uint64_t{1} << node;
      }
    }
  }
}

void SectionChecker::judge(size_t node, std::string_view key, std::string_view value) {
  const auto found = sections_.find(key);
  if (found == sections_.end()) return;
  for (const auto& [tag, published] : found->second) {
    bool demanded = false;
    bool kept = false;
    for (const Section& section : published) {
      if (std::popcount(section.holders) >= kHoldersThatKeepIt) {
        demanded = true;
        kept = false;  // what was published before it is replaced
      }
      kept |= value.find(section.bytes) != std::string_view::npos;
    }
    if (!demanded || kept) continue;
    Finding finding;
    finding.checker = "sections";
    finding.node = node;
    finding.text = fmt::format(
        "the facet of tag {} that a newer node has added is gone from a "
        "record",
        tag);
    const auto decoded = core::decode_record(key, {});
    if (decoded.ok()) {
      if (const auto* instance = std::get_if<core::InstanceRecord>(&*decoded)) {
        const auto service = evidence_.truth.find_service(instance->service);
        const auto index =
            service ? evidence_.truth.find_key(*service, instance->id) : std::nullopt;
        if (index) finding.focus = evidence_.focus_on(*index);
        finding.text += fmt::format(" of {}/{}", instance->service.name, instance->id);
      } else if (const auto* session = std::get_if<core::SessionRecord>(&*decoded)) {
        const auto index = evidence_.truth.find_session(session->id);
        if (index) finding.focus = evidence_.focus_on_session(*index);
        finding.text += fmt::format(" of session #{}", index.value_or(kNobody));
      }
    }
    return evidence_.fail(std::move(finding));
  }
}

void SectionChecker::finish(const std::vector<const core::Registry*>& nodes) {
  if (sections_.empty()) return;
  core::RecordBatch records;
  for (size_t node = 0; node < nodes.size(); ++node) {
    if (nodes[node] == nullptr) continue;
    core::Registry::DumpCursor cursor;
    while (!cursor.done()) {
      records.clear();
      nodes[node]->dump(cursor, kDumpedAtOnce, records);
      for (size_t i = 0; i < records.size(); ++i) judge(node, records[i].key, records[i].value);
    }
  }
}

}  // namespace callbook::sim
