#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "net/event_loop.h"
#include "sdk/native_client.h"
#include "sdk/registry_pool.h"

namespace callbook::cli {

/// A client of the registry whose turn it is, for one call after another. Loop's thread only.
class TurnClient {
 public:
  /// Borrows `loop`. A request is given up after `timeout_ms`.
  TurnClient(net::EventLoop& loop, sdk::RegistryPoolPtr registries, int64_t timeout_ms);

  /// Turns to the registry whose turn it is: the connection is kept if that is still the same, and
  /// calls under way end otherwise, unanswered. False: there is no registry.
  bool turn();
  /// Ends calls under way, unanswered.
  void leave();

  /// The last turned to; null if there is none.
  sdk::NativeClient* get() const { return client_.get(); }
  sdk::NativeClient* operator->() const { return client_.get(); }

  /// What came of a call to it, for whoever else shares the registries. Nothing if it was left.
  void succeeded();
  void failed(const base::Error& error);

 private:
  net::EventLoop& loop_;
  const sdk::RegistryPoolPtr registries_;
  const int64_t timeout_ms_;
  std::optional<sdk::Endpoint> endpoint_;
  std::unique_ptr<sdk::NativeClient> client_;
};

}  // namespace callbook::cli
