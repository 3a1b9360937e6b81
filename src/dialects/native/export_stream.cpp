#include "dialects/native/export_stream.h"

#include "dialects/native/json_output.h"

namespace callbook::native {
namespace {

constexpr size_t kPieceBytes = 32 * 1024;

}  // namespace

net::StreamPiece ExportStream::pull() {
  std::string out;
  for (; slot_ < catalog_.slots() && out.size() < kPieceBytes; ++slot_, after_.clear()) {
    const core::ServiceViewPtr& view = catalog_.at(slot_);
    if (!view) continue;
    const bool whole = view->list.visit_after(after_, [&](const core::ListEntry& entry) {
      if (out.size() >= kPieceBytes) return false;
      base::JsonWriter json(out);
      json.begin_object();
      append_service_key(json, view->key);
      json.field("id", entry.id());
      append_instance_members(json, entry, *view->interner);
      append_override(json, *view, entry.id());
      json.end_object();
      out += '\n';
      after_ = entry.id();
      return true;
    });
    if (!whole) break;
  }
  const bool end = slot_ >= catalog_.slots();
  return {end ? net::StreamPiece::State::kEnd : net::StreamPiece::State::kMore,
          out.empty() ? nullptr : net::make_piece(out)};
}

}  // namespace callbook::native
