#include "dialects/native/attach_stream.h"

#include <algorithm>

#include "base/json_writer.h"
#include "dialects/native/json_output.h"
#include "dialects/native/problem.h"

namespace callbook::native {

AttachStream::AttachStream(core::Front& front, Ticking::List& list, size_t& mute,
                           const core::SessionOpened& opened, std::string attached_event)
    : Ticking(list),
      front_(front),
      mute_(mute),
      mutes_(opened.speaks ? 0 : 1),
      tie_(front, opened.id, opened.heartbeat_ms),
      pending_(std::move(attached_event)),
      asked_ms_(front.now().mono_ms),
      self_(std::make_shared<AttachStream*>(this)) {
  mute_ += mutes_;
}

net::StreamPiece AttachStream::pull() {
  if (!pending_) {
    return {ended_ ? net::StreamPiece::State::kEnd : net::StreamPiece::State::kIdle, nullptr};
  }
  const net::SharedBytes piece = net::make_piece(*pending_);
  pending_.reset();
  return {ended_ ? net::StreamPiece::State::kEnd : net::StreamPiece::State::kMore, piece};
}

void AttachStream::tick(int64_t now_ms) {
  if (asking_ || ended_ || now_ms - asked_ms_ < tie_.heartbeat_ms()) return;
  asked_ms_ = now_ms;
  ask();
}

void AttachStream::leave() {
  if (ended_) return;
  ended_ = true;
  pending_ = pending_.value_or("") + nodes_event("leaving", *front_.other_nodes());
  waker_.wake();
}

void AttachStream::ask() {
  asking_ = true;
  front_.submit(
      core::CheckTie{tie_.session()}, core::Ack::kLocal,
      [weak = std::weak_ptr<AttachStream*>(self_)](const base::Result<core::Reply>& reply) {
        if (const auto self = weak.lock()) (*self)->answered(reply);
      });
}

void AttachStream::answered(const base::Result<core::Reply>& reply) {
  asking_ = false;
  if (ended_) return;
  if (reply.ok()) {
    const auto& tie = std::get<core::TieChecked>(*reply);
    pending_ = pending_.value_or("") + changes_of(tie.taken_out) + "event:alive\ndata:{}\n\n";
  } else {
    ended_ = true;
    std::string data;
    base::JsonWriter json(data);
    json.begin_object();
    append_problem(json, status_of(reply.error()), reply.error());
    json.end_object();
    std::string events;
    if (reply.error().code == base::ErrorCode::kSuperseded) {
      events = "event:superseded\ndata:" + data + "\n\n";
    }
    pending_ = events + "event:ended\ndata:" + data + "\n\n";
  }
  waker_.wake();
}

/// The events that tell of the difference to what operators had taken out before.
std::string AttachStream::changes_of(std::vector<core::TakenOut> taken_out) {
  std::string events;
  const auto tell = [&](std::string_view event, const core::TakenOut& one) {
    events.append("event:").append(event).append("\ndata:");
    base::JsonWriter json(events);
    json.begin_object();
    append_service_key(json, one.instance.service);
    json.field("id", one.instance.id).field("action", name_of(one.action)).field("by", one.by);
    if (!one.reason.empty()) json.field("reason", one.reason);
    json.end_object();
    events += "\n\n";
  };
  for (const core::TakenOut& one : taken_out_) {
    const bool still = std::any_of(taken_out.begin(), taken_out.end(), [&](const auto& other) {
      return other.instance == one.instance;
    });
    if (!still) tell("restored", one);
  }
  for (const core::TakenOut& one : taken_out) {
    const bool told = std::find(taken_out_.begin(), taken_out_.end(), one) != taken_out_.end();
    if (!told) tell("drained", one);
  }
  taken_out_ = std::move(taken_out);
  return events;
}

}  // namespace callbook::native
