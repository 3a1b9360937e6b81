#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "callbook/client.h"

#include "net/event_loop.h"
#include "net/prober.h"
#include "sdk/lists_on_disk.h"
#include "sdk/loop_door.h"
#include "sdk/namespace_watch.h"
#include "sdk/registry_pool.h"
#include "sdk/service_follower.h"

namespace callbook::sdk {

/// A client's thread and all that lives on it. Made and destroyed on users' threads, never on its
/// own.
class ClientCore {
 public:
  /// Throws std::invalid_argument for a registry that can't be read.
  explicit ClientCore(ClientOptions options);
  ~ClientCore();
  ClientCore(const ClientCore&) = delete;
  ClientCore& operator=(const ClientCore&) = delete;

  const ClientOptions& options() const { return options_; }
  const RegistryPlace& place() const { return place_; }

  /// Thread-safe. Reads the cache of a service that is new.
  std::shared_ptr<ServiceState> follow(const ServiceName& name, ServiceOptions options);
  /// The way onto the client's thread.
  const std::shared_ptr<LoopDoor>& door() const { return door_; }

  // The client's thread.
  net::EventLoop& loop() { return loop_; }
  const RegistryPoolPtr& registries() const { return registries_; }
  void log(const std::string& message) const;

 private:
  using Key = std::pair<std::string, std::string>;  // namespace, service

  void add(const Key& key, std::shared_ptr<ServiceFollower> follower, Watcher::Restored restored);
  void report(const ServiceName& service, const std::string& id);

  const ClientOptions options_;
  const RegistryPlace place_;
  net::EventLoop loop_;
  const std::shared_ptr<LoopDoor> door_;
  const RegistryPoolPtr registries_;
  net::Prober prober_;
  ListsOnDisk cache_;

  std::mutex mutex_;
  std::map<Key, std::shared_ptr<ServiceState>> states_;  // under mutex_

  // The client's thread.
  std::map<Key, std::shared_ptr<ServiceFollower>> followers_;
  std::map<std::string, std::unique_ptr<NamespaceWatch>> watches_;
  std::map<std::string, std::unique_ptr<NativeClient>> reporters_;  // by endpoint

  std::thread thread_;
};

}  // namespace callbook::sdk
