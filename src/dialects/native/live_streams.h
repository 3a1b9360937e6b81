#pragma once

#include <cstddef>
#include <cstdint>
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

 private:
  List& list_;
  size_t place_;
};

}  // namespace callbook::native
