#pragma once

#include <functional>
#include <mutex>
#include <utility>

#include "net/event_loop.h"

namespace callbook::sdk {

/// The way onto a client's thread, for those who may outlive it. Thread-safe.
class LoopDoor {
 public:
  explicit LoopDoor(net::EventLoop& loop) : loop_(&loop) {}

  /// Whether `task` will run on the loop, unless the loop is stopped before; not once it is shut.
  bool post(std::function<void()> task) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (loop_ == nullptr) return false;
    loop_->post(std::move(task));
    return true;
  }
  /// From now on nothing gets in; nobody is inside when this returns.
  void shut() {
    const std::lock_guard<std::mutex> lock(mutex_);
    loop_ = nullptr;
  }

 private:
  std::mutex mutex_;
  net::EventLoop* loop_;
};

}  // namespace callbook::sdk
