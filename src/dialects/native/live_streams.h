#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace callbook::native {

/// Something that wants to be looked at about once a second: streams that owe an `alive`, polls
/// that run out. Leaves its list when it is destroyed.
class Ticking {
 public:
  class List {
   public:
    /// Calls tick() on each member; members may be destroyed by it.
    void tick(int64_t now_ms) {
      for (size_t i = members_.size(); i-- > 0;) {
        if (i < members_.size()) members_[i]->tick(now_ms);
      }
    }
    size_t size() const { return members_.size(); }
    /// Asks `most` of those that have not been asked yet to leave; returns how many it asked.
    size_t leave(size_t most) {
      size_t asked = 0;
      for (size_t i = members_.size(); i-- > 0 && asked < most;) {
        if (i >= members_.size() || std::exchange(members_[i]->leaving_, true)) continue;
        ++asked;
        members_[i]->leave();
      }
      return asked;
    }

   private:
    friend class Ticking;
    std::vector<Ticking*> members_;
  };

  explicit Ticking(List& list) : list_(list), place_(list.members_.size()) {
    list.members_.push_back(this);
  }
  virtual ~Ticking() {
    Ticking* last = list_.members_.back();
    list_.members_[place_] = last;
    last->place_ = place_;
    list_.members_.pop_back();
  }
  Ticking(const Ticking&) = delete;
  Ticking& operator=(const Ticking&) = delete;

  virtual void tick(int64_t now_ms) = 0;
  /// This node is about to stop: the client should go on at another.
  virtual void leave() {}

 private:
  List& list_;
  size_t place_;
  bool leaving_ = false;
};

}  // namespace callbook::native
