#include "net/request_parser.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include <boost/beast/http/basic_parser.hpp>
#include <fmt/format.h>

#include "base/check.h"
#include "net/ascii.h"

namespace callbook::net {
namespace {

namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;
using View = boost::beast::string_view;

constexpr size_t kFirstCapacity = 4 * 1024;
constexpr size_t kReadCapacity = 64 * 1024;  ///< a pipelining peer's buffer grows to this
constexpr size_t kMinSpace = 1024;
constexpr size_t kShortestChunkedBody = 5;  ///< "0\r\n\r\n"

Method method_of(http::verb verb) {
  switch (verb) {
    case http::verb::get:
      return Method::kGet;
    case http::verb::head:
      return Method::kHead;
    case http::verb::put:
      return Method::kPut;
    case http::verb::post:
      return Method::kPost;
    case http::verb::delete_:
      return Method::kDelete;
    case http::verb::patch:
      return Method::kPatch;
    case http::verb::options:
      return Method::kOptions;
    default:
      return Method::kOther;
  }
}

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

}  // namespace

/// Where a field lies, relative to the request's first byte: the buffer may move before the body
/// is complete.
struct RequestParser::FieldAt {
  uint32_t name_at;
  uint32_t name_bytes;
  uint32_t value_at;
  uint32_t value_bytes;
};

/// Beast's parser with hooks that note where things lie instead of copying them.
class RequestParser::Wire {
 public:
  struct Facts {
    Method method = Method::kOther;
    uint32_t target_at = 0;
    uint32_t target_bytes = 0;
    uint32_t hosts = 0;
    uint32_t lengths = 0;
    uint32_t encodings = 0;
    bool encoding_is_chunked = true;
    bool length_is_list = false;
    bool folded = false;
    bool http10 = false;
    bool expects_continue = false;
    bool expects_other = false;
  };

  void begin(const HttpLimits& limits) {
    facts = {};
    fields.clear();
    parser.emplace(*this);
    parser->eager(true);
    parser->header_limit(limits.max_header_bytes);
    parser->body_limit(limits.max_body_bytes);
  }

  ErrorCode put(const char* bytes, size_t count, size_t& used) {
    ErrorCode error;
    used = parser->put({bytes, count}, error);
    return error;
  }

  class Parser final : public http::basic_parser<true> {
   public:
    explicit Parser(Wire& wire) : wire_(wire) {}

   private:
    void on_request_impl(http::verb verb, View, View target, int version, ErrorCode&) override {
      wire_.facts.method = method_of(verb);
      wire_.facts.target_at = wire_.offset(target);
      wire_.facts.target_bytes = static_cast<uint32_t>(target.size());
      wire_.facts.http10 = version == 10;
    }
    void on_field_impl(http::field field, View name, View value, ErrorCode&) override {
      if (wire_.base != nullptr) wire_.note_field(field, name, value);  // else a trailer: ignored
    }
    std::size_t on_chunk_body_impl(uint64_t, View body, ErrorCode&) override {
      std::memmove(wire_.decoded, body.data(), body.size());
      wire_.decoded += body.size();
      return body.size();
    }
    std::size_t on_body_impl(View, ErrorCode&) override {
      CALLBOOK_CHECK(false);  // bodies with a Content-Length are not passed through the parser
      return 0;
    }
    void on_response_impl(int, View, int, ErrorCode&) override {}
    void on_header_impl(ErrorCode&) override {}
    void on_body_init_impl(const boost::optional<uint64_t>&, ErrorCode&) override {}
    void on_chunk_header_impl(uint64_t, View, ErrorCode&) override {}
    void on_finish_impl(ErrorCode&) override {}

    Wire& wire_;
  };

  uint32_t offset(View view) const { return static_cast<uint32_t>(view.data() - base); }

  void note_field(http::field field, View name, View value) {
    if (std::less<>()(value.data(), base) || !std::less<>()(value.data(), base + base_bytes)) {
      facts.folded = true;  // Beast unfolds a continued line (obs-fold) into memory of its own
      return;
    }
    note_meaning(field, std::string_view(value.data(), value.size()));
    fields.push_back({offset(name), static_cast<uint32_t>(name.size()), offset(value),
                      static_cast<uint32_t>(value.size())});
  }

  void note_meaning(http::field field, std::string_view value) {
    switch (field) {
      case http::field::host:
        ++facts.hosts;
        break;
      case http::field::content_length:
        ++facts.lengths;
        facts.length_is_list = value.find(',') != std::string_view::npos;
        break;
      case http::field::transfer_encoding:
        ++facts.encodings;
        facts.encoding_is_chunked = same_token(value, "chunked");
        break;
      case http::field::expect:
        (same_token(value, "100-continue") ? facts.expects_continue : facts.expects_other) = true;
        break;
      default:
        break;
    }
  }

  std::optional<Parser> parser;
  Facts facts;
  std::vector<FieldAt> fields;
  const char* base = nullptr;  ///< the request's first byte while its header is parsed
  size_t base_bytes = 0;
  char* decoded = nullptr;  ///< where the next decoded chunk byte goes
};

RequestParser::RequestParser(const HttpLimits& limits)
    : limits_(limits), wire_(std::make_unique<Wire>()) {}

RequestParser::~RequestParser() = default;

size_t RequestParser::buffered_bytes() const {
  return end_ - (complete_ ? request_end_ : begin_);
}

size_t RequestParser::missing_bytes() const {
  if (phase_ != Phase::kBody || chunked_) return SIZE_MAX;
  return header_bytes_ + body_bytes_ - (end_ - begin_);
}

void RequestParser::grow(size_t capacity) {
  auto bigger = std::make_unique<char[]>(capacity + kBodyPadding);
  const size_t held = end_ - begin_;
  if (held > 0) std::memcpy(bigger.get(), at(begin_), held);
  data_ = std::move(bigger);
  capacity_ = capacity;
  chunk_at_ -= std::min(chunk_at_, begin_);
  begin_ = 0;
  end_ = held;
}

std::span<char> RequestParser::space() {
  if (complete_) begin_request();
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (capacity_ > kReadCapacity) {  // a large body has passed
      data_.reset();
      capacity_ = 0;
    }
  }
  const size_t held = end_ - begin_;
  const size_t room = std::min(missing_bytes(), kMinSpace);
  size_t capacity = std::max(capacity_, kFirstCapacity);
  if (last_read_full_ && capacity < kReadCapacity) {
    capacity *= 4;
  } else if (capacity - held < room) {
    // Doubling what has really arrived: an announced length alone costs no memory.
    capacity = std::max(capacity * 2, kReadCapacity);
    if (missing_bytes() != SIZE_MAX) capacity = std::min(capacity, held + missing_bytes());
  }
  if (capacity != capacity_ || capacity_ - end_ < room) grow(capacity);
  last_read_full_ = false;
  return {at(end_), capacity_ - end_};
}

void RequestParser::commit(size_t bytes) {
  CALLBOOK_CHECK(bytes <= capacity_ - end_);
  last_read_full_ = bytes == capacity_ - end_;
  end_ += bytes;
}

RequestParser::Event RequestParser::next() {
  if (refused_) return Event::kRefused;
  if (complete_) begin_request();
  if (phase_ == Phase::kBody) return parse_body();
  return find_header();
}

void RequestParser::begin_request() {
  begin_ = request_end_;
  scanned_ = 0;
  header_bytes_ = 0;
  body_bytes_ = 0;
  chunked_ = false;
  continue_owed_ = false;
  complete_ = false;
  phase_ = Phase::kBetween;
}

RequestParser::Event RequestParser::find_header() {
  if (scanned_ == 0) {  // RFC 9112, 2.2: empty lines before a request line are skipped
    while (end_ - begin_ >= 2 && *at(begin_) == '\r' && *at(begin_ + 1) == '\n') begin_ += 2;
  }
  const size_t held = end_ - begin_;
  if (held == 0) return Event::kNeedMore;
  phase_ = Phase::kHeader;
  const char* const first = at(begin_);
  if (held == 1 && *first == '\r') return Event::kNeedMore;
  if (!is_upper(*first)) {
    return refuse(400, base::invalid("request", "does not begin with a method"));
  }
  const size_t bound = std::min<size_t>(held, limits_.max_header_bytes);
  while (scanned_ < bound) {
    const void* const found = std::memchr(first + scanned_, '\n', bound - scanned_);
    if (found == nullptr) {
      scanned_ = bound;
      break;
    }
    const size_t line_end = static_cast<size_t>(static_cast<const char*>(found) - first);
    if (line_end == 0 || first[line_end - 1] != '\r') {
      return refuse(400, base::invalid("request", "holds a line feed without carriage return"));
    }
    scanned_ = line_end + 1;
    if (line_end >= 3 && first[line_end - 2] == '\n') return parse_header(scanned_);
  }
  return held < limits_.max_header_bytes ? Event::kNeedMore : refuse_header_size();
}

RequestParser::Event RequestParser::refuse_header_size() {
  const bool line_ended = std::memchr(at(begin_), '\n', limits_.max_header_bytes) != nullptr;
  return refuse(line_ended ? 431 : 414,
                base::over_limit(line_ended ? "header" : "target",
                                 fmt::format("request line and header fields are over {} bytes",
                                             limits_.max_header_bytes),
                                 limits_.max_header_bytes));
}

RequestParser::Event RequestParser::parse_header(size_t header_bytes) {
  header_bytes_ = header_bytes;
  wire_->begin(limits_);
  wire_->base = at(begin_);
  wire_->base_bytes = header_bytes;
  size_t used = 0;
  const ErrorCode error = wire_->put(at(begin_), header_bytes, used);
  wire_->base = nullptr;
  // First, for Beast overlooks an encoding that it does not know beside a Content-Length.
  if (wire_->facts.encodings > 0 && wire_->facts.lengths > 0) {
    return refuse(400, base::invalid("content-length", "stands beside a transfer-encoding"));
  }
  if (error == http::error::body_limit) {
    return refuse(413,
                  base::over_limit("body", fmt::format("is over {} bytes", limits_.max_body_bytes),
                                   static_cast<int64_t>(limits_.max_body_bytes)));
  }
  if (error) return refuse(400, base::invalid("request", error.message()));
  CALLBOOK_CHECK(used == header_bytes);
  return check_header();
}

RequestParser::Event RequestParser::check_header() {
  const Wire::Facts& facts = wire_->facts;
  http10_ = facts.http10;
  keep_alive_ = wire_->parser->keep_alive();
  if (facts.folded) return refuse(400, base::invalid("header", "holds a folded line"));
  if (facts.lengths > 1 || facts.length_is_list) {
    return refuse(400, base::invalid("content-length", "stands there more than once"));
  }
  if (facts.encodings > 1) {
    return refuse(400, base::invalid("transfer-encoding", "stands there more than once"));
  }
  if (facts.encodings > 0 && http10_) {
    return refuse(400, base::invalid("transfer-encoding", "is unknown to HTTP/1.0"));
  }
  if (facts.encodings > 0 && !facts.encoding_is_chunked) {
    return refuse(501, base::invalid("transfer-encoding", "is not supported, but for chunked"));
  }
  if (facts.hosts > 1 || (facts.hosts == 0 && !http10_)) {
    return refuse(400, base::invalid("host", "must stand there exactly once"));
  }
  if (facts.expects_other) {
    return refuse(417, base::invalid("expect", "is not supported, but for 100-continue"));
  }
  chunked_ = wire_->parser->chunked();
  body_bytes_ = chunked_ ? 0 : wire_->parser->content_length().value_or(0);
  chunk_at_ = begin_ + header_bytes_;
  phase_ = Phase::kBody;
  continue_owed_ = facts.expects_continue && !http10_;
  return parse_body();
}

RequestParser::Event RequestParser::parse_body() {
  const Event event = [&] {
    if (chunked_) return parse_chunks();
    const size_t arrived = end_ - begin_ - header_bytes_;
    if (arrived < body_bytes_) return Event::kNeedMore;
    return complete(begin_ + header_bytes_ + body_bytes_);
  }();
  if (event != Event::kNeedMore || !continue_owed_) return event;
  continue_owed_ = false;
  // RFC 9110, 10.1.1: whoever has begun to send the body is not waiting any more.
  return end_ == begin_ + header_bytes_ ? Event::kExpectContinue : event;
}

RequestParser::Event RequestParser::parse_chunks() {
  // Beast aborts when it must go on behind a first "0\r\n" with less than a whole last chunk.
  const bool may_be_last = end_ == chunk_at_ || *at(chunk_at_) == '0';
  if (body_bytes_ == 0 && may_be_last && end_ - chunk_at_ < kShortestChunkedBody) {
    return Event::kNeedMore;
  }
  char* const body = at(begin_ + header_bytes_);
  wire_->decoded = body + body_bytes_;
  size_t used = 0;
  const ErrorCode error = wire_->put(at(chunk_at_), end_ - chunk_at_, used);
  body_bytes_ = static_cast<uint64_t>(wire_->decoded - body);
  chunk_at_ += used;
  if (error == http::error::body_limit) {
    return refuse(413,
                  base::over_limit("body", fmt::format("is over {} bytes", limits_.max_body_bytes),
                                   static_cast<int64_t>(limits_.max_body_bytes)));
  }
  if (error && error != http::error::need_more) {
    return refuse(400, base::invalid("body", error.message()));
  }
  if (wire_->parser->is_done()) return complete(chunk_at_);
  const size_t pending = end_ - chunk_at_;
  if (pending > limits_.max_header_bytes) {
    return refuse(431, base::over_limit("chunk", "a chunk's header or the trailer is too long",
                                        limits_.max_header_bytes));
  }
  // What is left over moves up to the decoded part, so that framing takes no memory.
  const size_t decoded_end = begin_ + header_bytes_ + body_bytes_;
  std::memmove(at(decoded_end), at(chunk_at_), pending);
  chunk_at_ = decoded_end;
  end_ = decoded_end + pending;
  return Event::kNeedMore;
}

RequestParser::Event RequestParser::complete(size_t end) {
  headers_.clear();
  const char* const base = at(begin_);
  for (const FieldAt& field : wire_->fields) {
    headers_.push_back(
        {{base + field.name_at, field.name_bytes}, {base + field.value_at, field.value_bytes}});
  }
  request_ = {};
  request_.method = wire_->facts.method;
  request_.headers = &headers_;
  request_.body = {base + header_bytes_, body_bytes_};
  if (!fill_target()) {
    return refuse(400, base::invalid("target", "is neither a path nor an http URL"));
  }
  request_end_ = end;
  complete_ = true;
  phase_ = Phase::kBetween;
  return Event::kRequest;
}

bool RequestParser::fill_target() {
  const Wire::Facts& facts = wire_->facts;
  request_.target = {at(begin_) + facts.target_at, facts.target_bytes};
  std::string_view path = request_.target;
  constexpr std::string_view kScheme = "http://";  // RFC 9112, 3.2.2: the absolute form
  if (same_token(path.substr(0, kScheme.size()), kScheme)) {
    const size_t slash = path.find('/', kScheme.size());
    if (slash == std::string_view::npos) return false;
    path.remove_prefix(slash);
  }
  const bool asterisk = path == "*" && facts.method == Method::kOptions;
  if (path.front() != '/' && !asterisk) return false;
  const size_t mark = std::min(path.find('?'), path.size());
  request_.path = path.substr(0, mark);
  request_.query = path.substr(std::min(mark + 1, path.size()));
  return true;
}

RequestParser::Event RequestParser::refuse(int status, base::Error error) {
  refused_ = true;
  refusal_ = {status, std::move(error)};
  return Event::kRefused;
}

}  // namespace callbook::net
