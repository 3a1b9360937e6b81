#include "sdk/event_stream.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "sdk/answer_codec.h"

namespace callbook::sdk {
namespace {

constexpr int64_t kSilenceBeats = 4;
constexpr size_t kMaxProblemBytes = 64 * 1024;

base::Error broken(const Endpoint& endpoint, std::string_view what) {
  return {base::ErrorCode::kIo, {}, fmt::format("{}: {}", endpoint.to_string(), what), {}};
}

}  // namespace

/// Lives as long as a call into it, whatever the reader destroys.
struct EventStream::State final : net::ClientStreamReader, std::enable_shared_from_this<State> {
  State(const Endpoint& registry, Reader& stream_reader)
      : endpoint(registry), reader(&stream_reader) {}

  void on_header(int answer) override { status = answer; }

  void on_data(std::string_view data) override {
    const auto self = shared_from_this();
    silent_beats = 0;
    if (status != 200) {
      problem.append(data.substr(0, kMaxProblemBytes - std::min(problem.size(), kMaxProblemBytes)));
      return;
    }
    const base::Status fed = events.feed(data, [this](const ServerEvent& event) {
      if (reader) reader->on_event(event);
      return reader != nullptr;
    });
    if (!fed.ok()) close(fed.error());
  }

  void on_end(base::Status end) override {
    const auto self = shared_from_this();
    if (!end.ok() && status != 0) return close(broken(endpoint, "the connection broke"));
    if (!end.ok()) return close(end.error());
    if (status != 200) return close(decode_problem(status, problem));
    close(broken(endpoint, "the registry ended the stream"));
  }

  void on_beat(int64_t silence_ms) {
    if (status == 0 || ++silent_beats <= kSilenceBeats) return;  // the header has its own time-out
    const auto self = shared_from_this();
    close(broken(endpoint, fmt::format("silent for {} ms", silence_ms)));
  }

  void close(const base::Error& error) {
    Reader* told = std::exchange(reader, nullptr);
    release();
    if (told) told->on_closed(error);
  }

  void release() {
    stream.reset();
    beat.reset();
  }

  const Endpoint endpoint;
  Reader* reader;  ///< null: tell nobody any more
  SseReader events;
  std::string problem;
  int status = 0;
  int64_t silent_beats = 0;
  std::unique_ptr<net::EventLoop::Timer> beat;
  std::unique_ptr<net::HttpClientStream> stream;
};

EventStream::EventStream(net::EventLoop& loop, const Endpoint& endpoint, net::ClientRequest request,
                         int64_t silence_ms, Reader& reader)
    : state_(std::make_shared<State>(endpoint, reader)) {
  request.headers.emplace_back("Accept", "text/event-stream");
  state_->stream = std::make_unique<net::HttpClientStream>(loop, endpoint.host, endpoint.port,
                                                           std::move(request), *state_);
  const int64_t period_ms = std::max<int64_t>(silence_ms / kSilenceBeats, 1);
  // The timer goes with the state, so the state is there whenever it fires.
  state_->beat =
      loop.every(period_ms, [state = state_.get(), silence_ms] { state->on_beat(silence_ms); });
}

EventStream::~EventStream() {
  state_->reader = nullptr;
  state_->release();
}

}  // namespace callbook::sdk
