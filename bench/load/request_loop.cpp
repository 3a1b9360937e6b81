#include "load/request_loop.h"

#include <vector>

#include "load/connection.h"
#include "load/fail.h"
#include "load/response_scanner.h"

namespace callbook::load {
namespace {

/// Joins the parts of a body, copying only those that come in pieces.
struct BodyCollector {
  int status = 0;
  std::string carry;
  std::string_view last;

  void on_head(int code) {
    status = code;
    forget();
  }
  void forget() {
    carry.clear();
    last = {};
  }
  void on_body(std::string_view part) {
    if (!last.empty() || !carry.empty()) {
      keep();
      carry.append(part);
    } else {
      last = part;
    }
  }
  /// Before the bytes that `last` borrows from go away.
  void keep() {
    carry.append(last);
    last = {};
  }
  std::string_view body() const { return carry.empty() ? last : std::string_view(carry); }
};

struct Lane {
  Connection connection;
  ResponseScanner scanner;
  BodyCollector collector;
  size_t owed = 0;
};

class Loop {
 public:
  Loop(const LoopPlan& plan, Workload& workload, const Deadline& deadline)
      : plan_(plan), workload_(workload), deadline_(deadline), lanes_(plan.connections) {
    for (size_t i = 0; i < lanes_.size(); ++i) {
      if (!lanes_[i].connection.open(poller_, i, plan.port)) fail("port {} refuses", plan.port);
    }
    buffer_.resize(kReadBytes);
  }

  LoopResult run(const Process* server) {
    const int64_t cpu_before_ns = server != nullptr ? server->cpu_ns() : 0;
    const int64_t start_ns = now_ns();
    stop_ns_ = plan_.max_ns ? start_ns + *plan_.max_ns : INT64_MAX;
    for (size_t i = 0; i < lanes_.size(); ++i) top_up(i);
    while (answered_ < sent_) {
      const auto ready = poller_.wait(deadline_.at_ns);
      if (ready.empty()) deadline_.check(fmt::format("{} of {} answered", answered_, plan_.count));
      may_send_ = now_ns() < stop_ns_;
      for (const epoll_event& event : ready) on_event(event);
    }
    const int64_t cpu_after_ns = server != nullptr ? server->cpu_ns() : 0;
    return {answered_, now_ns() - start_ns, cpu_after_ns - cpu_before_ns};
  }

 private:
  /// Counts the answers of one read; bodies end inside of it.
  struct Sink {
    Loop& loop;
    size_t index;

    void on_head(int status) { loop.lanes_[index].collector.on_head(status); }
    void on_body(std::string_view part) { loop.lanes_[index].collector.on_body(part); }
    void on_end() {
      Lane& lane = loop.lanes_[index];
      if (lane.owed == 0) fail("an answer without a request");
      --lane.owed;
      ++loop.answered_;
      loop.workload_.on_response(index, lane.collector.status, lane.collector.body());
      lane.collector.forget();
    }
  };

  void top_up(size_t index) {
    Lane& lane = lanes_[index];
    out_.clear();
    while (may_send_ && lane.owed < plan_.pipelining && sent_ < plan_.count) {
      workload_.append_request(index, sent_++, out_);
      ++lane.owed;
    }
    if (!out_.empty()) lane.connection.send(out_);
  }

  void on_event(const epoll_event& event) {
    const size_t index = event.data.u64;
    Lane& lane = lanes_[index];
    if ((event.events & EPOLLOUT) != 0) lane.connection.on_writable();
    std::string_view bytes;
    switch (lane.connection.read(buffer_, bytes)) {
      case Connection::Read::kClosed:
        fail("the server closed connection {} with {} answers owed", index, lane.owed);
      case Connection::Read::kNothing:
        return;
      case Connection::Read::kBytes:
        break;
    }
    Sink sink{*this, index};
    lane.scanner.feed(bytes, sink);
    lane.collector.keep();
    top_up(index);
  }

  const LoopPlan& plan_;
  Workload& workload_;
  const Deadline& deadline_;
  Poller poller_;
  std::vector<Lane> lanes_;
  std::string buffer_;
  std::string out_;
  uint64_t sent_ = 0;
  uint64_t answered_ = 0;
  int64_t stop_ns_ = 0;
  bool may_send_ = true;
};

}  // namespace

LoopResult run_requests(const LoopPlan& plan, Workload& workload, const Process* server,
                        const Deadline& deadline) {
  return Loop(plan, workload, deadline).run(server);
}

}  // namespace callbook::load
