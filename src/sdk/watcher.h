#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "net/event_loop.h"
#include "sdk/answer_codec.h"
#include "sdk/backoff.h"
#include "sdk/directory.h"
#include "sdk/event_stream.h"
#include "sdk/registry_pool.h"

namespace callbook::sdk {

/// Follows the lists of some services on one stream and keeps a Directory of each. After a break it
/// goes on at the next registry of the pool, with the digests of what it holds, so that only what
/// changed is sent; a list that a digest contradicts, or that is not believed, is asked for anew.
/// The waits grow when all of the pool have failed in a row. Loop's thread only.
class Watcher {
 public:
  /// Must not destroy the watcher within a call.
  class Observer {
   public:
    virtual ~Observer() = default;
    /// `directory` is whole, or impaired; `changes` led to it from what it was at the call before
    /// (at the first: from what was restored), or are none when the first list of the service is
    /// empty, or confirms what was restored, and when only the list's largest() has changed.
    virtual void on_change(const Directory& directory, const std::vector<Change>& changes) = 0;
    /// There is no stream for now, or (kCorrupt) what came on it can't be used, at least in part;
    /// and why. The next attempt comes by itself.
    virtual void on_trouble(const base::Error& error) = 0;
    /// The stream is there (again).
    virtual void on_connected() = 0;
    /// The server refuses the watch and would refuse it again: there will be no more calls.
    virtual void on_refused(const base::Error& error) = 0;
  };

  /// What is known of a service before any registry has been heard.
  struct Restored {
    InstanceList list;
    Directory::Source source = Directory::Source::kCache;
    int64_t current_wall_ms = 0;  ///< of kCache: when it was last known to be current
  };

  struct Options {
    RegistryPoolPtr registries;
    std::string name_space = kDefaultNamespace;
    std::string datacenter = {};                    ///< empty: the registry's own
    std::vector<std::string> services;              ///< 1 to 1,000, by the server's limit
    int64_t silence_ms = 12'000;                    ///< the server says that it is alive every 5 s
    std::map<std::string, Restored> restored = {};  ///< by service; others are passed over
    const base::Clock* clock = nullptr;             ///< the system's if null; borrowed
  };

  /// An older list than this may have left without the registry knowing why: it remembers for a
  /// day, by default, and clocks differ.
  static constexpr int64_t kRegistryMemoryMs = 23LL * 3600 * 1000;
  /// The largest size of a service lately is of the last hour; one from before is forgotten.
  static constexpr int64_t kLargestMemoryMs = 3'600'000;
  /// Waits before an impaired list is asked for anew: what can't be read now, mostly can't be read
  /// a second later either.
  static constexpr int64_t kFirstRefreshMs = 1'000;
  static constexpr int64_t kLargestRefreshMs = 120'000;

  /// Connects at once. Borrows `loop` and `observer`; calls nothing before the loop runs.
  Watcher(net::EventLoop& loop, Options options, Random random, Observer& observer);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  /// Null for a service that is not followed.
  const Directory* find(const std::string& service) const;
  /// When the list in force was last known to be current; 0: never. For the cache.
  int64_t current_wall_ms(const std::string& service) const;

 private:
  class StreamReader;
  struct Followed {
    Directory directory;
    int64_t current_wall_ms = 0;  ///< as far as its own events say; see complete_wall_ms_
    bool reported = false;
    bool impairment_told = false;
    uint64_t reported_largest = 0;
  };

  void connect();
  void await_registries();
  WatchedService wanted(const std::string& service, Followed& followed, int64_t now_wall_ms);
  void on_event(const ServerEvent& event);
  void on_complete();
  void on_closed(const base::Error& error);
  template <typename Event>
  void take(base::Result<Event> event);
  void report(Followed& followed, const std::vector<Change>& changes);
  void note_impairment(Followed& followed);
  void refresh();
  void retry(base::Error error);
  /// The growth of the waits ends when a stream has been good for longer than any of them, with no
  /// list in doubt: a registry that only begins well must not be asked without pause.
  void note_success();
  int64_t now_wall_ms() const { return clock_.now().wall_ms; }
  int64_t current_wall_ms(const Followed& followed) const;

  net::EventLoop& loop_;
  const Options options_;
  const net::SystemClock system_clock_;
  const base::Clock& clock_;
  Observer& observer_;
  RegistryPool& registries_;
  Backoff backoff_;
  Backoff refresh_backoff_;
  std::map<std::string, Followed> followed_;
  std::optional<Endpoint> endpoint_;  ///< of the stream
  bool connected_ = false;
  std::string last_id_;  ///< of an event on this stream
  std::optional<int64_t> good_since_ms_;
  bool complete_ = false;         ///< the stream has brought all lists up to date once
  int64_t complete_wall_ms_ = 0;  ///< when all lists that are whole were last known to be current
  bool refresh_pending_ = false;
  RegistryPool::Listener listener_;
  std::unique_ptr<StreamReader> reader_;
  std::unique_ptr<EventStream> stream_;
  std::unique_ptr<net::EventLoop::Timer> retry_;
  std::unique_ptr<net::EventLoop::Timer> refresh_;
};

}  // namespace callbook::sdk
