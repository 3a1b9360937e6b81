#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callbook {

/// Why a provider does not take a call. It has not begun to serve it: to call another instance is
/// safe, whatever the call does.
enum class Refusal : uint8_t {
  kNotReady,  ///< this process has not begun to serve
  kDraining,  ///< it is about to stop
  kNotServed  ///< it does not serve this service, or this group of it
};

/// "not_ready", "draining", "not_served": what stands under kRefusalHeader.
std::string_view name_of(Refusal refusal);
std::optional<Refusal> refusal_from(std::string_view name);

/// The header (HTTP, with status 503) or trailing metadata (gRPC, with UNAVAILABLE) by which a
/// caller tells a refusal from every other failure.
inline constexpr std::string_view kRefusalHeader = "callbook-refused";

/// At the door of a provider: says of each call, before it is served, whether this process takes
/// it, and counts those under way. Copies are the same guard. Thread-safe; admit() takes no lock.
class Guard {
 public:
  /// Not ready yet. Serves `services`: "orders", or "orders/eu" for one group of it; none: any.
  explicit Guard(std::vector<std::string> services = {});

  /// A call that is being let in, or is not. Move-only; the call is over when it is destroyed.
  class Admission {
   public:
    Admission(Admission&&) noexcept = default;
    Admission& operator=(Admission&&) noexcept = default;
    ~Admission();
    /// Whether it may be served.
    explicit operator bool() const { return !refusal_; }
    /// Why not.
    std::optional<Refusal> refusal() const { return refusal_; }

   private:
    friend class Guard;
    struct State;
    explicit Admission(std::shared_ptr<State> counted) : counted_(std::move(counted)) {}
    explicit Admission(Refusal refusal) : refusal_(refusal) {}

    std::shared_ptr<State> counted_;
    std::optional<Refusal> refusal_;
  };

  /// An empty name asks for nothing in particular; an empty group is any that is served.
  Admission admit(std::string_view service = {}, std::string_view group = {}) const;

  /// From now on calls are let in, unless it drains.
  void set_ready();
  /// From now on no call is let in any more.
  void drain();
  bool draining() const;
  uint32_t in_flight() const;
  /// After drain(): waits until no call is under way; whether that came about in time.
  bool wait_idle(std::chrono::milliseconds timeout) const;

 private:
  std::shared_ptr<Admission::State> state_;
};

}  // namespace callbook
