#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/event_loop.h"
#include "sdk/lists_on_disk.h"
#include "sdk/service_follower.h"
#include "sdk/watcher.h"

namespace callbook::sdk {

/// Follows the services of one namespace, to which others are added as they are asked for: then it
/// begins a new stream, which goes on from what it has. Loop's thread only.
class NamespaceWatch final : public Watcher::Observer {
 public:
  /// All but the registries are borrowed.
  struct Links {
    net::EventLoop& loop;
    RegistryPoolPtr registries;
    ListsOnDisk& cache;
    std::function<void(const std::string&)> log;
  };

  NamespaceWatch(Links links, std::string name_space);
  ~NamespaceWatch() override;
  NamespaceWatch(const NamespaceWatch&) = delete;
  NamespaceWatch& operator=(const NamespaceWatch&) = delete;

  /// Follows one more; `restored` is what is known of it. Borrows `follower`.
  void add(ServiceFollower& follower, Watcher::Restored restored);

 private:
  void begin();
  std::map<std::string, Watcher::Restored> known() const;
  void set_trouble(const std::string& what);
  void confirm();

  void on_change(const Directory& directory, const std::vector<Change>& changes) override;
  void on_trouble(const base::Error& error) override;
  void on_connected() override;
  void on_refused(const base::Error& error) override;

  const Links links_;
  const std::string name_space_;
  std::map<std::string, ServiceFollower*> followers_;
  std::map<std::string, Watcher::Restored> new_;
  std::unique_ptr<Watcher> watcher_;
  std::unique_ptr<net::EventLoop::Timer> begin_;
  std::unique_ptr<net::EventLoop::Timer> confirming_;
  bool connected_ = false;
};

}  // namespace callbook::sdk
