#include "probe/grpc_exchange.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include <nghttp2/nghttp2.h>

#include "base/check.h"
#include "probe/grpc_health.h"
#include "probe/http_exchange.h"

namespace callbook::probe {
namespace {

using net::ProbeOutcome;
using net::ProbeVerdict;

/// A HealthCheckResponse is two bytes; more than this is none.
constexpr size_t kMaxMessageBytes = 1'024;

ProbeVerdict failed(std::string text, uint16_t status = 0) {
  return {ProbeOutcome::kFailed, status, std::move(text)};
}

nghttp2_nv field(std::string_view name, std::string_view value) {
  // nghttp2 copies both; its interface is older than const.
  return {const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(name.data())),
          const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(value.data())), name.size(),
          value.size(), NGHTTP2_NV_FLAG_NONE};
}

std::optional<uint32_t> number_of(std::string_view text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

/// The session of nghttp2, and what has come of the one stream.
class GrpcExchange::Call {
 public:
  Call(const GrpcRule& rule, std::string_view authority, bool tls)
      : request_(encode_health_request(rule.service)) {
    nghttp2_session_callbacks* callbacks = nullptr;
    CALLBOOK_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    CALLBOOK_CHECK(nghttp2_session_client_new(&session_, callbacks, this) == 0);
    nghttp2_session_callbacks_del(callbacks);
    const std::array<nghttp2_settings_entry, 2> settings = {
        {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 8'192}}};
    CALLBOOK_CHECK(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(),
                                           settings.size()) == 0);
    submit(authority, tls);
  }
  ~Call() { nghttp2_session_del(session_); }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  std::string to_send() {
    collect();
    return std::exchange(pending_, {});
  }

  std::optional<ProbeVerdict> take(std::string_view bytes) {
    const ssize_t taken = nghttp2_session_mem_recv(
        session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    if (over_) return verdict();  // whatever came behind it
    if (taken < 0) return failed("the answer is not HTTP/2");
    // The session gives up by itself on what breaks the protocol, once it has said so.
    collect();
    if (nghttp2_session_want_read(session_) == 0) {
      return failed(heard_settings_ ? "the server broke HTTP/2 off" : "the answer is not HTTP/2");
    }
    return std::nullopt;
  }

  ProbeVerdict closed() const {
    return failed(heard_settings_ ? "closed before the call was answered"
                                  : "closed without an answer of HTTP/2");
  }

 private:
  /// What the session wants to send.
  void collect() {
    for (;;) {
      const uint8_t* bytes = nullptr;
      const ssize_t length = nghttp2_session_mem_send(session_, &bytes);
      if (length <= 0) return;
      pending_.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
    }
  }

  void submit(std::string_view authority, bool tls) {
    const std::array<nghttp2_nv, 7> fields = {
        field(":method", "POST"),
        field(":scheme", tls ? "https" : "http"),
        field(":path", "/grpc.health.v1.Health/Check"),
        field(":authority", authority),
        field("te", "trailers"),
        field("content-type", "application/grpc"),
        field("user-agent", "callbook-probe"),
    };
    nghttp2_data_provider body{};
    body.source.ptr = this;
    body.read_callback = read_request;
    CALLBOOK_CHECK(nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), &body,
                                          nullptr) > 0);
  }

  ProbeVerdict verdict() const {
    if (http_status_ != 0 && http_status_ != 200) {
      return failed(status_text(static_cast<int>(http_status_)),
                    static_cast<uint16_t>(http_status_));
    }
    if (!grpc_code_) {
      return failed(http_status_ == 0 ? "the call was reset by the server"
                                      : "the answer is not gRPC");
    }
    if (*grpc_code_ != 0) {
      const std::string_view name = name_of_code(*grpc_code_);
      return failed("gRPC " + (name.empty() ? "status " + std::to_string(*grpc_code_)
                                            : std::string(name)));
    }
    const auto serving = decode_health_response(message_);
    if (!serving) return failed("the answer is no HealthCheckResponse");
    return {*serving == ServingStatus::kServing ? ProbeOutcome::kAnswered : ProbeOutcome::kFailed,
            0, "gRPC " + std::string(name_of(*serving))};
  }

  static Call& of(void* user) { return *static_cast<Call*>(user); }

  static ssize_t read_request(nghttp2_session*, int32_t, uint8_t* out, size_t length,
                              uint32_t* flags, nghttp2_data_source* source, void*) {
    Call& call = of(source->ptr);
    const size_t count = std::min(length, call.request_.size() - call.sent_);
    std::memcpy(out, call.request_.data() + call.sent_, count);
    call.sent_ += count;
    if (call.sent_ == call.request_.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(count);
  }

  static int on_header(nghttp2_session*, const nghttp2_frame*, const uint8_t* name_bytes,
                       size_t name_length, const uint8_t* value_bytes, size_t value_length, uint8_t,
                       void* user) {
    const std::string_view name(reinterpret_cast<const char*>(name_bytes), name_length);
    const std::string_view value(reinterpret_cast<const char*>(value_bytes), value_length);
    Call& call = of(user);
    if (name == ":status") call.http_status_ = number_of(value).value_or(0);
    // A code that is no number is an unknown one, as gRPC's own clients have it.
    if (name == "grpc-status") call.grpc_code_ = number_of(value).value_or(2);
    return 0;
  }

  static int on_data(nghttp2_session*, uint8_t, int32_t, const uint8_t* bytes, size_t length,
                     void* user) {
    Call& call = of(user);
    const size_t room = kMaxMessageBytes + 1 - call.message_.size();
    call.message_.append(reinterpret_cast<const char*>(bytes), std::min(length, room));
    return 0;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Call& call = of(user);
    if (frame->hd.type == NGHTTP2_SETTINGS) call.heard_settings_ = true;
    if (frame->hd.stream_id > 0 && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      call.over_ = true;
    }
    return 0;
  }

  static int on_close(nghttp2_session*, int32_t, uint32_t, void* user) {
    of(user).over_ = true;
    return 0;
  }

  nghttp2_session* session_ = nullptr;
  const std::string request_;
  size_t sent_ = 0;
  std::string pending_;
  uint32_t http_status_ = 0;
  std::optional<uint32_t> grpc_code_;
  std::string message_;
  bool heard_settings_ = false;
  bool over_ = false;
};

GrpcExchange::GrpcExchange(const GrpcRule& rule, std::string_view authority, bool tls)
    : call_(std::make_unique<Call>(rule, authority, tls)) {}

GrpcExchange::~GrpcExchange() = default;

std::string GrpcExchange::to_send() {
  return call_->to_send();
}

std::optional<ProbeVerdict> GrpcExchange::take(std::string_view bytes) {
  return call_->take(bytes);
}

ProbeVerdict GrpcExchange::closed() const {
  return call_->closed();
}

}  // namespace callbook::probe
