#include "dialects/native/event_encoder.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/hash.h"
#include "dialects/native/json_output.h"
#include "net/http_server.h"

namespace callbook::native {
namespace {

std::string cause_of(const core::ServiceView& view, const core::Change& change) {
  return text_of(change.cause, view, change.id);
}

void append_put(base::JsonWriter& json, const core::ServiceView& view, const core::Change& change) {
  const core::ListEntry* entry = view.list.find(change.id);
  json.key(change.id).begin_object();
  append_instance_members(json, *entry, *view.interner);
  if (change.cause != core::Cause::kRegistered) json.field("cause", cause_of(view, change));
  json.end_object();
}

void append_state(base::JsonWriter& json, const core::ServiceView& view,
                  const core::Change& change) {
  const core::ListEntry* entry = view.list.find(change.id);
  json.key(change.id).begin_array();
  json.value(name_of(entry->state())).value(cause_of(view, change)).end_array();
}

void append_number(std::string& out, uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, static_cast<size_t>(end - digits));
}

}  // namespace

size_t EventEncoder::KeyHash::operator()(const Key& key) const {
  const uint64_t flags = (key.with_id ? 1 : 0) | (key.first ? 2 : 0) | (key.may_complete ? 4 : 0);
  return base::mix64(key.version ^ base::mix64(key.from + key.service * 8 + flags)) ^
         base::xxh64(key.after);
}

const EncodedEvent& EventEncoder::encode(const core::ServiceKey& service,
                                         const core::ServiceView* view, const core::Owed& owed,
                                         bool with_id, uint64_t published) {
  if (view == nullptr) {
    uncached_ = make_snapshot(service, nullptr, owed, with_id, published);
    return uncached_;
  }
  const bool delta = owed.kind == core::Owed::Kind::kDelta;
  Key key{view->index, view->version,     delta ? owed.from : UINT64_MAX, with_id,
          owed.first,  owed.may_complete, std::string(owed.after)};
  const auto found = cache_.find(key);
  if (found != cache_.end()) {
    ++hits_;
    return found->second;
  }
  ++misses_;
  evict();
  EncodedEvent made = delta ? make_delta(*view, owed, with_id)
                            : make_snapshot(service, view, owed, with_id, view->version);
  cached_bytes_ += made.piece->size();
  order_.push_back(key);
  return cache_.emplace(std::move(key), std::move(made)).first->second;
}

void EventEncoder::evict() {
  while (cached_bytes_ > kMaxCachedBytes && !order_.empty()) {
    const auto oldest = cache_.find(order_.front());
    cached_bytes_ -= oldest->second.piece->size();
    cache_.erase(oldest);
    order_.pop_front();
  }
}

void EventEncoder::append_head(std::string& out, std::string_view event, uint64_t version,
                               bool with_id) const {
  out.append("event:").append(event).push_back('\n');
  if (with_id) {
    out.append("id:").append(boot_id_).push_back('-');
    append_number(out, version);
    out.push_back('\n');
  }
  out.append("data:");
}

EncodedEvent EventEncoder::make_snapshot(const core::ServiceKey& service,
                                         const core::ServiceView* view, const core::Owed& owed,
                                         bool with_id, uint64_t id_version) const {
  EncodedEvent made;
  std::string instances;
  base::JsonWriter list(instances);
  list.begin_array();
  made.end =
      view == nullptr || view->list.visit_after(owed.after, [&](const core::ListEntry& entry) {
        if (instances.size() > kMaxPieceBytes) return false;
        list.begin_object().field("id", entry.id());
        append_instance_members(list, entry, *view->interner);
        list.end_object();
        made.last = entry.id();
        return true;
      });
  list.end_array();
  made.complete = made.end && owed.may_complete;

  std::string out;
  out.reserve(instances.size() + 256);
  const uint64_t version = view == nullptr ? 0 : view->version;
  append_head(out, "snapshot", id_version, with_id && made.complete);
  base::JsonWriter json(out);
  json.begin_object();
  append_service_key(json, service);
  if (!owed.first || !made.complete) json.field("part", owed.first ? 1 : 2);
  if (made.complete) {
    json.field("version", version);
    json.field("digest", digest_text(view == nullptr ? 0 : view->digest));
    if (view != nullptr) append_largest(json, *view);
  }
  if (view == nullptr || view->list.empty()) append_empty(json, view);
  json.key("instances").raw(instances).end_object();
  out += "\n\n";
  made.piece = net::make_piece(out);
  return made;
}

EncodedEvent EventEncoder::make_delta(const core::ServiceView& view, const core::Owed& owed,
                                      bool with_id) const {
  const std::vector<core::LastChange> changes = core::last_changes(view.window, owed.from);
  std::string puts;
  std::string gones;
  std::string states;
  base::JsonWriter put(puts);
  base::JsonWriter gone(gones);
  base::JsonWriter state(states);
  const auto size = [&] { return puts.size() + gones.size() + states.size(); };
  size_t taken = 0;
  for (; taken < changes.size() && size() <= kMaxPieceBytes; ++taken) {
    const core::Change& change = *changes[taken].change;
    switch (changes[taken].kind) {
      case core::Change::Kind::kGone:
        gone.field(change.id, name_of(change.cause));
        break;
      case core::Change::Kind::kState:
        append_state(state, view, change);
        break;
      case core::Change::Kind::kPut:
        append_put(put, view, change);
    }
  }
  EncodedEvent made;
  made.complete = taken == changes.size();
  made.to = made.complete ? view.version : changes[taken - 1].version;

  std::string out;
  out.reserve(size() + 192);
  append_head(out, "delta", made.to, with_id && made.complete);
  base::JsonWriter json(out);
  json.begin_object();
  append_service_key(json, view.key);
  if (made.complete) {
    json.field("digest", digest_text(view.digest));
    append_largest(json, view);
  }
  if (!puts.empty()) json.key("put").begin_object().raw(puts).end_object();
  if (!gones.empty()) json.key("gone").begin_object().raw(gones).end_object();
  if (!states.empty()) json.key("state").begin_object().raw(states).end_object();
  json.end_object();
  out += "\n\n";
  made.piece = net::make_piece(out);
  return made;
}

net::SharedBytes EventEncoder::alive(uint64_t version, bool with_id) const {
  std::string out;
  append_head(out, "alive", version, with_id);
  out += "{}\n\n";
  return net::make_piece(out);
}

std::optional<uint64_t> EventEncoder::version_of(std::string_view event_id) const {
  if (!event_id.starts_with(boot_id_)) return std::nullopt;
  event_id.remove_prefix(boot_id_.size());
  if (event_id.size() < 2 || event_id.front() != '-') return std::nullopt;
  uint64_t version = 0;
  const char* const end = event_id.data() + event_id.size();
  const auto [stop, error] = std::from_chars(event_id.data() + 1, end, version);
  if (error != std::errc() || stop != end) return std::nullopt;
  return version;
}

}  // namespace callbook::native
