#include "probe/prober.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "probe/grpc_exchange.h"
#include "probe/http_exchange.h"
#include "probe/stream_talk.h"
#include "probe/tls.h"
#include "probe/udp_talk.h"

#include "base/address.h"
#include "net/probe_address.h"

namespace callbook::probe {
namespace {

using net::ProbeAddress;
using net::ProbeOutcome;
using Done = Prober::Done;
using Kind = Request::Kind;

bool is_name(const std::string& host) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !host.empty() && host.size() <= base::kMaxAddressBytes &&
         std::all_of(host.begin(), host.end(), is_letter);
}

bool is_ip(const std::string& host) {
  // Digits and dots alone are meant for an address; a colon stands in no name.
  return host.find_first_not_of("0123456789.") == std::string::npos ||
         host.find(':') != std::string::npos;
}

std::string fault_of(const Request& request) {
  if (request.port == 0) return "not asked: it has no port";
  if (request.kind == Kind::kHttp) return fault_of(request.http);
  if (request.kind == Kind::kUdp && request.udp.payload.size() > kMaxPayloadBytes) {
    return "not asked: the payload is too long";
  }
  return {};
}

Result untested(std::string text) {
  return {ProbeOutcome::kUntested, 0, 0, std::move(text)};
}

/// The higher, the more it says of the target. Refused only says something if all say so.
int weight_of(ProbeOutcome outcome) {
  switch (outcome) {
    case ProbeOutcome::kAnswered:
      return 4;
    case ProbeOutcome::kFailed:
      return 3;
    case ProbeOutcome::kSilent:
      return 2;
    case ProbeOutcome::kRefused:
      return 1;
    case ProbeOutcome::kUntested:
      break;
  }
  return 0;
}

}  // namespace

ProbeOutcome joined(ProbeOutcome a, ProbeOutcome b) {
  return weight_of(a) >= weight_of(b) ? a : b;
}

class Prober::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(net::EventLoop& loop, const base::Clock& clock, ProberOptions options)
      : clock_(clock),
        sockets_(loop, options.limits),
        resolver_(loop, clock, std::move(options.resolver)) {}

  void probe(Request request, Done done) {
    if (std::string fault = fault_of(request); !fault.empty()) {
      return done(untested(std::move(fault)));
    }
    auto run = std::make_shared<Run>();
    run->request = std::move(request);
    run->done = std::move(done);
    run->begun_ms = clock_.now().mono_ms;
    const std::string& host = run->request.host;
    if (is_ip(host)) return ask(run, {host});
    if (!is_name(host)) return done_with(*run, untested("not asked: the host is no name"));
    resolver_.lookup(host, std::max<int64_t>(run->request.timeout_ms / 2, 1),
                     [weak = weak_from_this(), run](const Lookup& lookup) {
                       if (const auto self = weak.lock()) self->looked_up(run, lookup);
                     });
  }

  Stats stats() const { return {sockets_.concluded_unasked(), resolver_.stats()}; }

 private:
  /// A probe under way, at one or more addresses.
  struct Run {
    Request request;
    Done done;  ///< empty: it was called
    int64_t begun_ms = 0;
    size_t left = 0;
    Result result;
  };
  using RunPtr = std::shared_ptr<Run>;

  void looked_up(const RunPtr& run, const Lookup& lookup) {
    using Outcome = Lookup::Outcome;
    if (lookup.outcome == Outcome::kAddresses) return ask(run, lookup.addresses);
    const bool silent = lookup.outcome != Outcome::kNotAsked;
    run->result.outcome = silent ? ProbeOutcome::kSilent : ProbeOutcome::kUntested;
    run->result.text = lookup.text;
    finish(*run);
  }

  void ask(const RunPtr& run, const std::vector<std::string>& addresses) {
    std::vector<std::string> allowed;
    for (const std::string& address : addresses) {
      const auto parsed = ProbeAddress::parse(address);
      if (!parsed || (parsed->is_loopback() && !run->request.loopback)) continue;
      if (allowed.size() < kMostAddresses) allowed.push_back(address);
    }
    if (allowed.empty()) {
      return done_with(
          *run, untested("not asked: " + run->request.host + " has no address that may be probed"));
    }
    run->left = allowed.size();
    const int64_t passed_ms = clock_.now().mono_ms - run->begun_ms;
    const int64_t timeout_ms = run->request.timeout_ms;
    for (std::string& address : allowed) {
      net::ProbeTarget target;
      target.address = std::move(address);
      target.port = run->request.port;
      target.timeout_ms = std::max(timeout_ms - passed_ms, timeout_ms / 2);
      target.udp = run->request.kind == Kind::kUdp;
      if (run->request.kind != Kind::kTcp) {
        target.talk = [this, run] { return talk_of(run->request); };
      }
      sockets_.probe(std::move(target),
                     [this, run](const net::ProbeResult& result) { take(*run, result); });
    }
  }

  std::unique_ptr<net::ProbeTalk> talk_of(const Request& request) {
    if (request.kind == Kind::kUdp) return std::make_unique<UdpTalk>(request.udp);
    const bool grpc = request.kind == Kind::kGrpc;
    std::unique_ptr<Exchange> exchange;
    if (grpc) {
      exchange = std::make_unique<GrpcExchange>(
          request.grpc, base::host_port(request.host, request.port), request.tls.has_value());
    } else {
      exchange =
          std::make_unique<HttpExchange>(request.http, base::host_port(request.host, request.port));
    }
    std::unique_ptr<TlsClient> tls;
    if (request.tls) {
      tls = std::make_unique<TlsClient>(contexts_.get(request.tls->verify, clock_.now().mono_ms),
                                        *request.tls, request.host, grpc ? "h2" : "http/1.1");
    }
    const std::string_view wanted = grpc ? std::string_view("h2") : std::string_view();
    return std::make_unique<StreamTalk>(std::move(exchange), std::move(tls), wanted);
  }

  void take(Run& run, const net::ProbeResult& result) {
    if (!run.done) return;
    --run.left;
    const ProbeOutcome before = run.result.outcome;
    run.result.outcome = joined(before, result.verdict.outcome);
    if (run.result.text.empty() || run.result.outcome != before) {
      run.result.status = result.verdict.status;
      run.result.text = result.verdict.text;
    }
    if (run.left == 0 || run.result.outcome == ProbeOutcome::kAnswered) finish(run);
  }

  void finish(Run& run) {
    run.result.elapsed_ms = clock_.now().mono_ms - run.begun_ms;
    if (run.result.text.size() > kMaxTextBytes) run.result.text.resize(kMaxTextBytes);
    done_with(run, run.result);
  }

  static void done_with(Run& run, const Result& result) {
    const Done done = std::exchange(run.done, nullptr);
    done(result);
  }

  const base::Clock& clock_;
  TlsContexts contexts_;
  net::Prober sockets_;
  Resolver resolver_;
};

Prober::Prober(net::EventLoop& loop, const base::Clock& clock, ProberOptions options)
    : impl_(std::make_shared<Impl>(loop, clock, std::move(options))) {}

Prober::~Prober() = default;

void Prober::probe(Request request, Done done) {
  impl_->probe(std::move(request), std::move(done));
}

Prober::Stats Prober::stats() const {
  return impl_->stats();
}

}  // namespace callbook::probe
