#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/event_loop.h"
#include "sdk/backoff.h"
#include "sdk/directory.h"
#include "sdk/endpoint.h"
#include "sdk/event_stream.h"

namespace callbook::sdk {

/// Follows the lists of some services on one stream and keeps a Directory of each. After a break it
/// comes back with the digests of what it holds, so that only what changed is sent; a list that a
/// digest contradicts is asked for anew. Loop's thread only.
class Watcher {
 public:
  /// Must not destroy the watcher within a call.
  class Observer {
   public:
    virtual ~Observer() = default;
    /// `directory` is whole; `changes` led to it from what it was at the call before, or are none
    /// when the first list of the service is empty.
    virtual void on_change(const Directory& directory, const std::vector<Change>& changes) = 0;
    /// There is no stream for now, and why; the next attempt comes by itself.
    virtual void on_trouble(const base::Error& error) = 0;
    /// The stream is there (again).
    virtual void on_connected() = 0;
    /// The server refuses the watch and would refuse it again: there will be no more calls.
    virtual void on_refused(const base::Error& error) = 0;
  };

  struct Options {
    Endpoint endpoint;
    std::string name_space = kDefaultNamespace;
    std::vector<std::string> services;  ///< 1 to 1,000, by the server's limit
    int64_t silence_ms = 40'000;        ///< the server says that it is alive every 15 s
  };

  /// Connects at once. Borrows `loop` and `observer`; calls nothing before the loop runs.
  Watcher(net::EventLoop& loop, Options options, Random random, Observer& observer);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

 private:
  class StreamReader;

  void connect();
  void on_event(const ServerEvent& event);
  void on_closed(const base::Error& error);
  template <typename Event>
  void take(base::Result<Event> event);
  void retry(const base::Error& error);
  /// Ends the growth of the waits, but not while any list is still in doubt: one that never agrees
  /// with its digest must not be asked for without pause.
  void note_success();

  net::EventLoop& loop_;
  const Options options_;
  Observer& observer_;
  Backoff backoff_;
  struct Followed {
    Directory directory;
    std::vector<Change> unreported;  ///< of deltas whose digest is still to come
    bool reported = false;
  };
  std::map<std::string, Followed> followed_;
  bool connected_ = false;
  std::unique_ptr<StreamReader> reader_;
  std::unique_ptr<EventStream> stream_;
  std::unique_ptr<net::EventLoop::Timer> retry_;
};

}  // namespace callbook::sdk
