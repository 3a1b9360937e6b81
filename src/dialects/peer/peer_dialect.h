#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/front.h"
#include "core/stamp.h"
#include "dialects/peer/direct_codec.h"
#include "net/http_server.h"

namespace callbook::peer {

/// What nodes of one cluster ask of each other by HTTP, beside what goes over the bus
/// (docs/formats/bus.md): snapshots, whether a change has been seen, probes, consumers' reports,
/// who has a name, and beats and changed records while the bus can't carry them. One per I/O
/// thread; borrows what it is given.
class PeerDialect final : public net::HttpHandler {
 public:
  /// The node's side of it. Thread-safe.
  class Door {
   public:
    virtual ~Door() = default;
    /// Another node's card.
    virtual void hear(std::string card) = 0;
    /// This node's own, as it was told last; null before the first.
    virtual std::shared_ptr<const std::string> own_card() const = 0;
    /// The last cards heard of nodes with this id and other boots than `not_boot`, at most
    /// kMaxBearers, the latest first.
    virtual std::vector<std::string> cards_of(core::NodeId node, uint64_t not_boot) const = 0;
    /// Whose node this is: DATACENTER/CLUSTER.
    virtual const std::string& cluster() const = 0;
    /// Records that another node of the cluster has changed.
    virtual void take(DirectRecordsPtr records) = 0;
  };

  /// "/v1/peer/…" is its own.
  static constexpr std::string_view kPrefix = "/v1/peer/";
  static constexpr std::string_view kBeatPath = "/v1/peer/beat";
  static constexpr std::string_view kBearerPath = "/v1/peer/bearer";
  static constexpr std::string_view kRecordsPath = "/v1/peer/records";
  static constexpr std::string_view kSnapshotPath = "/v1/peer/snapshot";
  static constexpr std::string_view kSeenPath = "/v1/peer/seen";
  static constexpr std::string_view kProbePath = "/v1/peer/probe";
  static constexpr std::string_view kReportPath = "/v1/peer/report";
  /// Given at once by one I/O thread; more are told to come again.
  static constexpr uint32_t kMaxSnapshots = 2;
  static constexpr uint32_t kMaxFollowers = 100;  ///< likewise

  /// `door` is null on a node that stands alone: it takes no cards, but may be followed.
  PeerDialect(core::Front& front, Door* door) : front_(front), door_(door) {}
  PeerDialect(const PeerDialect&) = delete;
  PeerDialect& operator=(const PeerDialect&) = delete;

  void handle(const net::HttpRequest& request, net::HttpExchange exchange) override;
  net::HttpResponse refuse(int status, const base::Error& error) override;

 private:
  void beat(const net::HttpRequest& request, net::HttpExchange exchange);
  void bearer(const net::HttpRequest& request, net::HttpExchange exchange);
  void records(const net::HttpRequest& request, net::HttpExchange exchange);
  void snapshot(const net::HttpRequest& request, net::HttpExchange exchange);
  void seen(const net::HttpRequest& request, net::HttpExchange exchange);
  void probe(const net::HttpRequest& request, net::HttpExchange exchange);
  void report(const net::HttpRequest& request, net::HttpExchange exchange);

  core::Front& front_;
  Door* const door_;
  /// Under way. Shared: a stream may outlive this by the answer that it waits for.
  const std::shared_ptr<uint32_t> snapshots_ = std::make_shared<uint32_t>(0);
  /// Held by each that follows.
  const std::shared_ptr<const uint32_t> followers_ = std::make_shared<uint32_t>(0);
};

}  // namespace callbook::peer
