#pragma once

#include <functional>
#include <memory>
#include <string>

#include <nats/nats.h>

#include "base/result.h"

namespace callbook::bus::nats {

// Ownership over libnats 3.4's C handles.

template <typename T, void (*kDestroy)(T*)>
struct Destroys {
  void operator()(T* handle) const { kDestroy(handle); }
};
using OptionsHandle = std::unique_ptr<natsOptions, Destroys<natsOptions, natsOptions_Destroy>>;
using MessageHandle = std::unique_ptr<natsMsg, Destroys<natsMsg, natsMsg_Destroy>>;
using StreamInfoHandle =
    std::unique_ptr<jsStreamInfo, Destroys<jsStreamInfo, jsStreamInfo_Destroy>>;
using JetStreamHandle = std::unique_ptr<jsCtx, Destroys<jsCtx, jsCtx_Destroy>>;

/// A subject that nobody else uses, for answers.
std::string new_inbox();

/// kIo, with the library's own words.
base::Error failure(std::string_view what, natsStatus status);

/// A subscription whose messages go to a function, on a thread of the library's, one at a time.
/// When the destructor has returned, the function is not running and will not be called again; so
/// it must not be destroyed from within the function, nor under a lock that the function takes.
class Subscription {
 public:
  using OnMessage = std::function<void(natsMsg* message)>;

  /// `unbounded`: the sender bounds itself (flow control), so nothing is dropped here.
  static base::Result<std::unique_ptr<Subscription>> make(natsConnection* connection,
                                                          const std::string& subject,
                                                          OnMessage on_message, bool unbounded);
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

 private:
  struct Route;
  Subscription(natsSubscription* handle, std::shared_ptr<Route> route);

  static void deliver(natsConnection* connection, natsSubscription* handle, natsMsg* message,
                      void* route);

  natsSubscription* handle_;
  std::shared_ptr<Route> route_;
};

}  // namespace callbook::bus::nats
