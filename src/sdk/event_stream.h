#pragma once

#include <cstdint>
#include <memory>

#include "net/event_loop.h"
#include "net/http_client.h"
#include "sdk/endpoint.h"
#include "sdk/sse_reader.h"

namespace callbook::sdk {

/// One stream of server-sent events on a connection of its own. Loop's thread only; borrows `loop`
/// and `reader`. Destroying it, within a call to the reader too, ends the calls.
class EventStream {
 public:
  class Reader {
   public:
    virtual ~Reader() = default;
    virtual void on_event(const ServerEvent& event) = 0;
    /// Called at most once, last. What the server answered instead of a stream, or how it broke
    /// (kIo; also when the server ended it, or was silent for too long).
    virtual void on_closed(const base::Error& error) = 0;
  };

  /// `silence_ms`: how long the server may send nothing. Counted in turns of the loop, so that a
  /// stall of this process is not held against the server.
  EventStream(net::EventLoop& loop, const Endpoint& endpoint, net::ClientRequest request,
              int64_t silence_ms, Reader& reader);
  ~EventStream();
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace callbook::sdk
