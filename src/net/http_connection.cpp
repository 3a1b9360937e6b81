// Requests, answers and the life of a connection; http_connection_io.cpp has its socket.
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "net/http_connection_impl.h"

namespace callbook::net {
namespace {

constexpr int64_t kLingerMs = 1'000;
constexpr int kPiecesPerWake = 16;  ///< then the other connections have their turn
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

Connection::Connection(std::shared_ptr<ServerContext> context, Socket socket, std::string peer)
    : context_(std::move(context)),
      socket_(std::move(socket)),
      peer_(std::make_shared<const std::string>(std::move(peer))) {
  phase_since_ = context_->beat;
  last_input_beat_ = context_->beat;
}

bool Connection::can_parse() {
  const HttpLimits& limits = context_->limits;
  return !closed_ && !failed_ && !lingering_ && !last_request_ && answers_.streams() == 0 &&
         answers_.owed() < limits.max_pipelined &&
         answers_.held_bytes() < limits.max_pipelined_bytes;
}

void Connection::parse_requests() {
  while (parser_ && !input_parsed_ && can_parse()) {
    switch (parser_->next()) {
      case RequestParser::Event::kNeedMore:
        input_parsed_ = true;
        break;
      case RequestParser::Event::kExpectContinue:
        answers_.add_interim(kContinue);
        break;
      case RequestParser::Event::kRequest:
        dispatch();
        break;
      case RequestParser::Event::kRefused:
        refuse(parser_->refusal());
        break;
    }
  }
}

void Connection::dispatch() {
  ++requests_;
  ++context_->stats.requests;
  HttpRequest request = parser_->request();
  request.peer = peer_;
  last_request_ = !parser_->keep_alive();
  const uint64_t slot = answers_.open({.head_only = request.method == Method::kHead,
                                       .keep_alive = parser_->keep_alive(),
                                       .http10 = parser_->is_http10()});
  context_->handler.handle(request, HttpExchange(shared_from_this(), slot));
}

void Connection::refuse(const Refusal& refusal) {
  ++context_->stats.refused_requests;
  last_request_ = true;
  const uint64_t slot = answers_.open({.keep_alive = false});
  answers_.complete(slot, context_->handler.refuse(refusal.status, refusal.error));
}

void Connection::respond(uint64_t slot, HttpResponse response) {
  if (closed_) return;
  answers_.complete(slot, std::move(response));
  if (!in_turn_) context_->flush_soon(shared_from_this());
}

StreamWaker Connection::stream(uint64_t slot, std::string_view content_type,
                               std::unique_ptr<StreamSource> source) {
  const auto self = shared_from_this();
  const int64_t user_timeout_ms = source->user_timeout_ms();
  StreamSource& starts = *source;
  auto stream = std::make_shared<ResponseStream>(self, std::move(source));
  StreamWaker waker{std::weak_ptr<StreamWaker::Target>(stream)};
  starts.on_start(waker);
  if (closed_) {
    stream->end(StreamEnd::kPeerReset);
    return {};
  }
  if (context_->stopping) stream->end(StreamEnd::kServerStopped);
  set_stream_options(user_timeout_ms);
  answers_.start_stream(slot, content_type, std::move(stream));
  count_streams();
  if (!in_turn_) context_->flush_soon(self);
  return waker;
}

void Connection::count_streams() {
  context_->stats.streams_open += answers_.streams() - counted_streams_;
  counted_streams_ = answers_.streams();
}

void Connection::turn() {
  if (in_turn_ || closed_) return;
  const auto self = shared_from_this();
  in_turn_ = true;
  do {
    parse_requests();
    pump_pieces();
    write_answers();
  } while (!input_parsed_ && can_parse());
  in_turn_ = false;
  check_done();
  if (closed_) return;
  note_phase();
  read_on();
}

void Connection::pump() {
  if (closed_ || in_turn_) return;
  const auto self = shared_from_this();
  pump_pieces();
  // The rest of what an ended stream means is no business of the waker's stack.
  if (!closed_ && !answers_.stream()) context_->flush_soon(self);
}

void Connection::pump_pieces() {
  if (pumping_) return;
  pumping_ = true;
  int budget = kPiecesPerWake;
  while (!closed_ && !failed_ && !awaiting_writable_ && answers_.stream()) {
    if (budget-- == 0) {
      context_->flush_soon(shared_from_this());
      break;
    }
    if (!pump_piece(answers_.stream())) break;
  }
  pumping_ = false;
}

bool Connection::pump_piece(std::shared_ptr<ResponseStream> stream) {
  const StreamPiece piece = stream->ended() ? StreamPiece{} : stream->pull();
  if (closed_) return false;
  const size_t before = answers_.output().unsent_bytes();
  if (piece.bytes) append_piece(piece.bytes);
  if (stream->ended()) {
    answers_.finish_stream();
    count_streams();
  }
  if (answers_.output().unsent_bytes() > before) {
    write_answers();
    return true;
  }
  return piece.state != StreamPiece::State::kIdle || stream->ended() || stream->woken();
}

void Connection::append_piece(const SharedBytes& piece) {
  size_t begin = 0;
  size_t end = piece->size();
  if (answers_.stream_is_http10()) {
    const std::string_view payload = payload_of(*piece);
    begin = payload.empty() ? 0 : static_cast<size_t>(payload.data() - piece->data());
    end = begin + payload.size();
  }
  answers_.output().append(piece, begin, end);
}

void Connection::check_done() {
  if (closed_ || failed_ || lingering_) return;
  const bool all_sent = answers_.output().empty();
  if (answers_.closed() && all_sent) {
    linger();
  } else if (peer_closed_ && (answers_.stream() || (answers_.owed() == 0 && all_sent))) {
    close(StreamEnd::kPeerClosed);
  }
}

bool Connection::is_idle() {
  return answers_.owed() == 0 && answers_.output().empty() &&
         (!parser_ || parser_->buffered_bytes() == 0);
}

Connection::Phase Connection::current_phase() {
  if (lingering_) return Phase::kLingering;
  if (answers_.stream()) return Phase::kWaiting;
  if (!answers_.output().empty()) return Phase::kWriting;
  if (answers_.owed() > 0) return Phase::kWaiting;
  const auto parsing = parser_ ? parser_->phase() : RequestParser::Phase::kBetween;
  if (parsing == RequestParser::Phase::kHeader) return Phase::kHeader;
  if (parsing == RequestParser::Phase::kBody) return Phase::kBody;
  return Phase::kIdle;
}

void Connection::note_phase() {
  const Phase phase = current_phase();
  const uint64_t mark = phase == Phase::kWriting ? answers_.output().sent_bytes() : requests_;
  if (phase == phase_ && mark == phase_mark_) return;
  phase_ = phase;
  phase_mark_ = mark;
  phase_since_ = context_->beat;
}

void Connection::on_beat() {
  const HttpLimits& limits = context_->limits;
  const auto over = [&](int64_t limit_ms) {
    return context_->beat - phase_since_ > context_->beats(limit_ms);
  };
  note_phase();
  switch (phase_) {
    case Phase::kWaiting:
      break;
    case Phase::kIdle:
      if (over(limits.idle_timeout_ms)) return close(StreamEnd::kPeerClosed);
      break;
    case Phase::kHeader:
      if (over(limits.header_timeout_ms)) return time_out("header", limits.header_timeout_ms);
      break;
    case Phase::kBody:
      if (over(limits.body_timeout_ms)) return time_out("body", limits.body_timeout_ms);
      break;
    case Phase::kWriting:
      if (over(limits.write_timeout_ms)) return close(StreamEnd::kPeerSilent);
      break;
    case Phase::kLingering:
      if (over(kLingerMs)) return close(StreamEnd::kPeerClosed);
      break;
  }
  rest();
}

void Connection::time_out(std::string_view part, int64_t limit_ms) {
  refuse({408,
          base::over_limit(part, fmt::format("was not complete after {} ms", limit_ms), limit_ms)});
  turn();
}

void Connection::wind_down() {
  if (closed_) return;
  const auto self = shared_from_this();
  answers_.close_after_last();
  answers_.end_streams(StreamEnd::kServerStopped);
  if (closed_) return;
  if (is_idle()) {
    close(StreamEnd::kServerStopped);
  } else {
    context_->flush_soon(self);
  }
}

void Connection::close_soon(StreamEnd reason) {
  if (failed_) return;
  failed_ = true;
  asio::post(socket_.get_executor(), [self = shared_from_this(), reason] { self->close(reason); });
}

void Connection::close(StreamEnd reason) {
  if (closed_) return;
  const auto self = shared_from_this();
  closed_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
  context_->stats.streams_open -= counted_streams_;
  counted_streams_ = 0;
  context_->remove(*this);
  answers_.end_streams(reason);
}

}  // namespace callbook::net
