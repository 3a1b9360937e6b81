#include "net/answer_queue.h"

#include <charconv>

#include "base/check.h"

namespace callbook::net {
namespace {

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

void append_number(std::string& out, uint64_t number) {
  char digits[20];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, end);
}

void append_status_line(std::string& out, int status) {
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<uint64_t>(status));
  out.push_back(' ');
  out.append(reason_of(status)).append("\r\n");
}

/// A value from outside must not be able to begin a field or a body of its own.
void append_clean(std::string& out, std::string_view text) {
  for (const char c : text) out.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  append_clean(out, name);
  out.append(": ");
  append_clean(out, value);
  out.append("\r\n");
}

/// HTTP/1.1 keeps a connection and HTTP/1.0 closes it unless something else is said.
void append_connection(std::string& out, bool keep_alive, bool http10) {
  if (!keep_alive) {
    out.append("Connection: close\r\n");
  } else if (http10) {
    out.append("Connection: keep-alive\r\n");
  }
}

}  // namespace

uint64_t AnswerQueue::open(AnswerForm form) {
  slots_.emplace_back().form = form;
  return first_slot_ + owed() - 1;
}

void AnswerQueue::add_interim(std::string_view text) {
  const uint64_t slot = open({});
  Slot& place = *find(slot);
  place.interim = true;
  place.response = std::make_unique<HttpResponse>();
  place.response->body = text;
  advance();
}

AnswerQueue::Slot* AnswerQueue::find(uint64_t slot) {
  if (slot < first_slot_ || slot - first_slot_ >= owed()) return nullptr;
  return &slots_[first_ + (slot - first_slot_)];
}

void AnswerQueue::complete(uint64_t slot, HttpResponse response) {
  Slot* const place = find(slot);
  CALLBOOK_CHECK(place != nullptr && !place->response && !place->stream);
  if (slot == first_slot_) {  // the usual case: nothing to keep
    write(place->form, std::move(response));
    pop();
    advance();
    return;
  }
  waiting_bytes_ += response.shared_body ? response.shared_body->size() : response.body.size();
  place->response = std::make_unique<HttpResponse>(std::move(response));
}

void AnswerQueue::start_stream(uint64_t slot, std::string_view content_type,
                               std::shared_ptr<ResponseStream> stream) {
  Slot* const place = find(slot);
  CALLBOOK_CHECK(place != nullptr && !place->response && !place->stream);
  place->stream = std::move(stream);
  place->content_type = content_type;
  ++streams_;
  advance();
}

void AnswerQueue::finish_stream() {
  CALLBOOK_CHECK(stream_ != nullptr);
  if (!stream_form_.http10) output_.append(kLastChunk);
  stream_.reset();
  --streams_;
  if (last_of_all() || !stream_form_.keep_alive) closed_ = true;
  pop();
  advance();
}

void AnswerQueue::advance() {
  while (owed() > 0 && !stream_ && !closed_) {
    Slot& slot = slots_[first_];
    if (slot.stream) {
      write_stream_head(slot);
      continue;
    }
    if (!slot.response) return;
    if (slot.interim) {
      output_.append(slot.response->body);
    } else {
      const HttpResponse& response = *slot.response;
      waiting_bytes_ -= response.shared_body ? response.shared_body->size() : response.body.size();
      write(slot.form, std::move(*slot.response));
    }
    pop();
  }
}

void AnswerQueue::pop() {
  slots_[first_] = {};
  ++first_;
  ++first_slot_;
  if (first_ == slots_.size()) {
    slots_.clear();
    first_ = 0;
  } else if (first_ >= 64 && first_ * 2 >= slots_.size()) {
    slots_.erase(slots_.begin(), slots_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
}

void AnswerQueue::write(const AnswerForm& form, HttpResponse&& response) {
  CALLBOOK_CHECK(!closed_);
  const bool keep_alive = form.keep_alive && !last_of_all();
  const size_t body_bytes =
      response.shared_body ? response.shared_body->size() : response.body.size();
  const bool bodiless = response.status == 204 || response.status == 304;  // RFC 9110, 6.4.1
  std::string& out = output_.text();
  append_status_line(out, response.status);
  if (!bodiless && body_bytes > 0) append_field(out, "Content-Type", response.content_type);
  for (const auto& [name, value] : response.headers) append_field(out, name, value);
  append_connection(out, keep_alive, form.http10);
  if (!bodiless) {
    out.append("Content-Length: ");
    append_number(out, body_bytes);
    out.append("\r\n");
  }
  out.append("\r\n");
  if (!bodiless && !form.head_only) {
    if (response.shared_body) {
      output_.append(std::move(response.shared_body), 0, body_bytes);
    } else {
      output_.append_owned(std::move(response.body));
    }
  }
  closed_ = !keep_alive;
}

void AnswerQueue::write_stream_head(Slot& slot) {
  stream_ = std::move(slot.stream);
  stream_form_ = slot.form;
  if (slot.form.http10) stream_form_.keep_alive = false;  // the body ends with the connection
  std::string& out = output_.text();
  append_status_line(out, 200);
  append_field(out, "Content-Type", slot.content_type);
  out.append("Cache-Control: no-store\r\n");
  append_connection(out, stream_form_.keep_alive, slot.form.http10);
  if (!slot.form.http10) out.append("Transfer-Encoding: chunked\r\n");
  out.append("\r\n");
  if (slot.form.head_only) {
    stream_->end(StreamEnd::kFinished);
    stream_.reset();
    --streams_;
    closed_ = !stream_form_.keep_alive || last_of_all();
    pop();
    return;
  }
  stream_->activate();
}

void AnswerQueue::release() {
  output_.release();
  if (owed() == 0) std::vector<Slot>().swap(slots_);
}

void AnswerQueue::end_streams(StreamEnd reason) {
  for (size_t i = first_; i < slots_.size(); ++i) {
    if (auto stream = slots_[i].stream) stream->end(reason);
  }
  if (auto stream = stream_) stream->end(reason);
}

}  // namespace callbook::net
