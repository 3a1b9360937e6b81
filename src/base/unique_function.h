#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace callbook::base {

template <typename Signature>
class UniqueFunction;

/// A callable that is moved, never copied, so it may own what it needs (std::move_only_function
/// comes with C++23). Callables of up to kInlineBytes live inside, without an allocation.
template <typename R, typename... Args>
class UniqueFunction<R(Args...)> {
 public:
  static constexpr size_t kInlineBytes = 48;

  UniqueFunction() = default;

  template <typename F>
    requires(!std::is_same_v<std::decay_t<F>, UniqueFunction> &&
             std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
  UniqueFunction(F&& callable) {  // NOLINT: implicit, like std::function
    using Target = std::decay_t<F>;
    if constexpr (sizeof(Target) <= kInlineBytes && alignof(Target) <= alignof(std::max_align_t) &&
                  std::is_nothrow_move_constructible_v<Target>) {
      new (&inline_) Target(std::forward<F>(callable));
      actions_ = &kInlineActions<Target>;
    } else {
      inline_.pointer = new Target(std::forward<F>(callable));
      actions_ = &kHeapActions<Target>;
    }
  }

  UniqueFunction(UniqueFunction&& other) noexcept { take(other); }
  UniqueFunction& operator=(UniqueFunction&& other) noexcept {
    if (this != &other) {
      clear();
      take(other);
    }
    return *this;
  }
  UniqueFunction(const UniqueFunction&) = delete;
  UniqueFunction& operator=(const UniqueFunction&) = delete;
  ~UniqueFunction() { clear(); }

  explicit operator bool() const { return actions_ != nullptr; }

  R operator()(Args... args) {
    CALLBOOK_CHECK(actions_ != nullptr);
    return actions_->call(inline_, std::forward<Args>(args)...);
  }

 private:
  union Storage {
    void* pointer;
    std::max_align_t aligned;
    unsigned char bytes[kInlineBytes];
  };
  struct Actions {
    R (*call)(Storage&, Args&&...);
    void (*move)(Storage& from, Storage& to) noexcept;
    void (*destroy)(Storage&) noexcept;
  };

  template <typename Target>
  static Target& in_place(Storage& storage) {
    return *std::launder(reinterpret_cast<Target*>(&storage));
  }
  template <typename Target>
  static Target& on_heap(Storage& storage) {
    return *static_cast<Target*>(storage.pointer);
  }

  template <typename Target>
  static constexpr Actions kInlineActions = {
      [](Storage& s, Args&&... args) -> R {
        return in_place<Target>(s)(std::forward<Args>(args)...);
      },
      [](Storage& from, Storage& to) noexcept {
        new (&to) Target(std::move(in_place<Target>(from)));
        in_place<Target>(from).~Target();
      },
      [](Storage& s) noexcept { in_place<Target>(s).~Target(); }};

  template <typename Target>
  static constexpr Actions kHeapActions = {
      [](Storage& s, Args&&... args) -> R {
        return on_heap<Target>(s)(std::forward<Args>(args)...);
      },
      [](Storage& from, Storage& to) noexcept { to.pointer = from.pointer; },
      [](Storage& s) noexcept { delete &on_heap<Target>(s); }};

  void take(UniqueFunction& other) noexcept {
    actions_ = std::exchange(other.actions_, nullptr);
    if (actions_ != nullptr) actions_->move(other.inline_, inline_);
  }
  void clear() noexcept {
    if (actions_ != nullptr) std::exchange(actions_, nullptr)->destroy(inline_);
  }

  Storage inline_;
  const Actions* actions_ = nullptr;
};

}  // namespace callbook::base
