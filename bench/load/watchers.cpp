#include "load/watchers.h"

#include "load/fail.h"
#include "load/instance_texts.h"

namespace callbook::load {
namespace {

constexpr size_t kOpeningAtOnce = 200;

}  // namespace

struct Watchers::Sink {
  Watchers& watchers;
  size_t index;
  const OnEvent& on_event;

  void on_head(int status) {
    if (status != 200) fail("watch {} was answered {}", index, status);
  }
  void on_body(std::string_view part) {
    watchers.streams_[index].events.feed(part,
                                         [this](const Event& event) { on_event(index, event); });
  }
  void on_end() { fail("the server ended watch {}", index); }
};

Watchers::Watchers(uint16_t port, size_t count, std::string_view request, const Deadline& deadline)
    : streams_(count), buffer_(kReadBytes, '\0') {
  size_t opened = 0;
  size_t live = 0;
  const auto open_more = [&] {
    for (; opened < count && opened - live < kOpeningAtOnce; ++opened) {
      if (!streams_[opened].connection.open(poller_, opened, port)) fail("port {} refuses", port);
      streams_[opened].connection.send(request);
    }
    return live == count;
  };
  open_more();
  read_until(
      [&](size_t index, const Event& event) {
        const bool whole =
            event.type == "alive" || event.data.find("\"digest\":") != event.data.npos;
        live += whole && !streams_[index].is_live ? 1 : 0;
        streams_[index].is_live = streams_[index].is_live || whole;
      },
      open_more, deadline);
}

void Watchers::read_until(const OnEvent& on_event, const std::function<bool()>& done,
                          const Deadline& deadline) {
  while (!done()) {
    const auto ready = poller_.wait(deadline.at_ns);
    if (ready.empty()) deadline.check(fmt::format("{} watchers", streams_.size()));
    for (const epoll_event& event : ready) read(event.data.u64, event.events, on_event);
  }
}

void Watchers::read(size_t index, uint32_t ready, const OnEvent& on_event) {
  Stream& stream = streams_[index];
  if ((ready & EPOLLOUT) != 0) stream.connection.on_writable();
  std::string_view bytes;
  switch (stream.connection.read(buffer_, bytes)) {
    case Connection::Read::kClosed:
      fail("the server closed watch {}", index);
    case Connection::Read::kNothing:
      return;
    case Connection::Read::kBytes:
      break;
  }
  bytes_read_ += bytes.size();
  Sink sink{*this, index, on_event};
  stream.responses.feed(bytes, sink);
}

std::string watch_request(const std::vector<WatchedService>& services) {
  std::string body = R"({"services":[)";
  for (const WatchedService& service : services) {
    if (body.back() == '}') body.push_back(',');
    body.append(fmt::format(R"({{"service":"{}","digest":"{}"}})", service.name, service.digest));
  }
  body.append("]}");
  return request("POST", "/v1/watch", body);
}

}  // namespace callbook::load
