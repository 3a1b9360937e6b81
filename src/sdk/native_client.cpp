#include "sdk/native_client.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "net/ascii.h"
#include "net/percent.h"
#include "sdk/event_codec.h"

namespace callbook::sdk {
namespace {

using net::Method;
using net::percent_encode;

/// "?namespace=x", or nothing for the default.
std::string namespace_query(const std::string& name_space) {
  return name_space == kDefaultNamespace ? "" : "?namespace=" + percent_encode(name_space);
}

std::string session_target(const std::string& session) {
  return "/v1/sessions/" + percent_encode(session);
}

std::string epoch_query(uint32_t epoch) {
  return epoch == 0 ? "" : fmt::format("?epoch={}", epoch);
}

std::string service_target(const ServiceName& service) {
  return "/v1/services/" + percent_encode(service.service);
}

std::string instance_target(const ServiceName& service, const std::string& id,
                            std::string_view part = {}) {
  return service_target(service) + "/instances/" + percent_encode(id) + std::string(part) +
         namespace_query(service.name_space);
}

std::string override_target(const ServiceName& service, const std::string& id) {
  return instance_target(service, id, "/override");
}

void add_query(std::string& target, const std::string& name, const std::string& value) {
  target += target.find('?') == std::string::npos ? '?' : '&';
  target += percent_encode(name) + '=' + percent_encode(value);
}

void add_until(std::string& target, Until until) {
  if (until == Until::kHeard) add_query(target, "until", "heard");
  if (until == Until::kSeen) add_query(target, "until", "seen");
}

void add_json_body(net::ClientRequest& request, std::string body) {
  if (body.empty()) return;
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = std::move(body);
}

void add_operator(std::string& target, const Operator& who) {
  if (!who.by.empty()) add_query(target, "by", who.by);
  if (!who.reason.empty()) add_query(target, "reason", who.reason);
}

/// Of an answer that is shown as it came.
base::Result<std::string> as_it_is(const std::string& body) {
  return body;
}

constexpr std::string_view kStampHeader = "Callbook-Stamp";

/// Of two stamps the later sorts behind the other.
void keep_latest(const net::ClientResponse& answer, std::string& stamp) {
  for (const auto& [name, value] : answer.headers) {
    if (net::same_token(name, kStampHeader)) stamp = std::max(stamp, value);
  }
}

}  // namespace

NativeClient::NativeClient(net::EventLoop& loop, const Endpoint& endpoint, int64_t timeout_ms)
    : timeout_ms_(timeout_ms), http_(loop, endpoint.host, endpoint.port) {}

template <typename T, typename Decode>
void NativeClient::call(Method method, std::string target, std::string body, Callback<T> done,
                        Decode decode, int64_t wait_ms) {
  // The server may take `wait_ms` before it answers.
  call_within(timeout_ms_ + wait_ms, method, std::move(target), std::move(body), std::move(done),
              std::move(decode));
}

template <typename T, typename Decode>
void NativeClient::call_within(int64_t timeout_ms, Method method, std::string target,
                               std::string body, Callback<T> done, Decode decode) {
  net::ClientRequest request;
  request.method = method;
  request.target = std::move(target);
  request.timeout_ms = timeout_ms;
  add_json_body(request, std::move(body));
  if (stamp_ && !stamp_->empty() && method != Method::kGet) {
    request.headers.emplace_back(kStampHeader, *stamp_);
  }
  http_.send(std::move(request), [done = std::move(done), decode = std::move(decode),
                                  stamp = stamp_](base::Result<net::ClientResponse> answer) {
    if (!answer.ok()) return done(answer.error());
    if (stamp) keep_latest(*answer, *stamp);
    if (answer->status / 100 != 2) {
      base::Error error = decode_problem(answer->status, answer->body);
      if (stamp && error.field == kStampHeader) {
        // Of another cluster, or from before its key was changed: it is of no use, and no fault of
        // what was asked for.
        stamp->clear();
        error.code = base::ErrorCode::kNotReady;
      }
      return done(std::move(error));
    }
    done(decode(answer->body));
  });
}

void NativeClient::open_session(const SessionWish& wish, Callback<SessionGrant> done) {
  call<SessionGrant>(Method::kPost, "/v1/sessions", encode_session(wish), std::move(done),
                     decode_session);
}

void NativeClient::resume_session(const std::string& session, uint32_t epoch, bool speaks,
                                  Callback<SessionGrant> done) {
  call<SessionGrant>(Method::kPost, "/v1/sessions", encode_resumption(session, epoch, speaks),
                     std::move(done), decode_session);
}

void NativeClient::heartbeat(const std::string& session, uint32_t epoch, int64_t timeout_ms,
                             Callback<uint64_t> done) {
  call_within<uint64_t>(
      timeout_ms, Method::kPut, session_target(session) + "/heartbeat" + epoch_query(epoch), {},
      std::move(done), [](std::string_view body) { return decode_number(body, "heartbeat_ms"); });
}

void NativeClient::close_session(const std::string& session, Callback<uint64_t> done) {
  call<uint64_t>(Method::kDelete, session_target(session), {}, std::move(done),
                 [](std::string_view body) { return decode_number(body, "instances"); });
}

void NativeClient::register_instance(const ServiceName& service, const Instance& instance,
                                     const RegistrationTerms& terms,
                                     Callback<RegistrationAnswer> done) {
  put_instance(service, instance.id,
               encode_registration(instance, terms.session, terms.status, terms.shares_port),
               terms.take_over, std::move(done));
}

void NativeClient::put_instance(const ServiceName& service, const std::string& id, std::string body,
                                bool take_over, Callback<RegistrationAnswer> done) {
  std::string target = instance_target(service, id);
  if (take_over) add_query(target, "take_over", "true");
  call<RegistrationAnswer>(Method::kPut, std::move(target), std::move(body), std::move(done),
                           decode_registration);
}

void NativeClient::set_status(const ServiceName& service, const std::string& id,
                              const std::string& session, const ProviderStatus& status,
                              Callback<uint64_t> done) {
  std::string target = instance_target(service, id, "/status");
  add_query(target, "session", session);
  call<uint64_t>(Method::kPut, std::move(target), encode_status(status), std::move(done),
                 [](std::string_view body) { return decode_number(body, "version"); });
}

void NativeClient::refresh_instance(const ServiceName& service, const std::string& id,
                                    Callback<uint64_t> done) {
  call<uint64_t>(Method::kPut, instance_target(service, id, "/heartbeat"), {}, std::move(done),
                 [](std::string_view body) { return decode_number(body, "ttl_ms"); });
}

void NativeClient::get_instance(const ServiceName& service, const std::string& id,
                                Callback<Instance> done) {
  call<Instance>(Method::kGet, instance_target(service, id), {}, std::move(done), decode_instance);
}

void NativeClient::remove(const ServiceName& service, const std::string& id, const Operator& who,
                          const Removal& how, Callback<RemovalAnswer> done) {
  std::string target = instance_target(service, id);
  if (how.drain_ms > 0) add_query(target, "drain", fmt::format("{}ms", how.drain_ms));
  add_until(target, how.until);
  add_operator(target, who);
  const int64_t seen_ms = how.drain_ms > 0 ? how.drain_ms : Removal::kSeenWaitMs;
  const int64_t wait_ms = how.until == Until::kSeen ? seen_ms : 0;
  call<RemovalAnswer>(Method::kDelete, std::move(target), {}, std::move(done), decode_removal,
                      wait_ms);
}

void NativeClient::set_override(const ServiceName& service, const std::string& id,
                                const Override& wanted, const Operator& who, Until until,
                                Callback<ChangeAnswer> done) {
  std::string target = override_target(service, id);
  add_until(target, until);
  call<ChangeAnswer>(Method::kPut, std::move(target), encode_override(wanted, who.by, who.reason),
                     std::move(done), decode_change);
}

void NativeClient::remove_override(const ServiceName& service, const std::string& id,
                                   const Operator& who, Until until, Callback<ChangeAnswer> done) {
  std::string target = override_target(service, id);
  add_operator(target, who);
  add_until(target, until);
  call<ChangeAnswer>(Method::kDelete, std::move(target), {}, std::move(done), decode_change);
}

void NativeClient::report(const ServiceName& service, const std::string& id, const std::string& by,
                          Callback<uint64_t> done) {
  std::string target = instance_target(service, id, "/report");
  add_query(target, "by", by);
  call<uint64_t>(Method::kPost, std::move(target), {}, std::move(done),
                 [](std::string_view body) { return decode_number(body, "reports"); });
}

void NativeClient::release(const ServiceName& service, const Operator& who,
                           Callback<uint64_t> done) {
  std::string target = service_target(service) + "/release" + namespace_query(service.name_space);
  add_operator(target, who);
  call<uint64_t>(Method::kPost, std::move(target), {}, std::move(done),
                 [](std::string_view body) { return decode_number(body, "groups"); });
}

void NativeClient::list_services(const std::string& name_space, const std::string& datacenter,
                                 const std::string& after, Callback<ServicePage> done) {
  std::string target = "/v1/services" + namespace_query(name_space);
  if (!datacenter.empty()) add_query(target, "dc", datacenter);
  if (!after.empty()) add_query(target, "after", after);
  call<ServicePage>(Method::kGet, std::move(target), {}, std::move(done), decode_services);
}

void NativeClient::get_service(const ServiceName& service, const InstanceFilter& filter,
                               Callback<ServiceDocument> done) {
  std::string target = service_target(service) + namespace_query(service.name_space);
  if (!filter.datacenter.empty()) add_query(target, "dc", filter.datacenter);
  if (filter.failover) add_query(target, "failover", "true");
  if (!filter.zone.empty()) add_query(target, "zone", filter.zone);
  for (const auto& [name, value] : filter.metadata) add_query(target, "meta." + name, value);
  call<ServiceDocument>(Method::kGet, std::move(target), {}, std::move(done),
                        [](const std::string& body) -> base::Result<ServiceDocument> {
                          base::Result<SnapshotPart> snapshot = decode_snapshot(body);
                          if (!snapshot.ok()) return snapshot.error();
                          if (snapshot->skipped.count > 0) {
                            return base::invalid("instances", snapshot->skipped.why);
                          }
                          const auto origin = decode_origin(body);
                          if (!origin.ok()) return origin.error();
                          return ServiceDocument{std::move(*snapshot), body, *origin};
                        });
}

void NativeClient::status(Callback<std::string> done) {
  call<std::string>(Method::kGet, "/v1/status", {}, std::move(done), as_it_is);
}

void NativeClient::list_checks(const ServiceName& service, const std::string& after,
                               Callback<std::string> done) {
  std::string target = service_target(service) + "/checks" + namespace_query(service.name_space);
  if (!after.empty()) add_query(target, "after", after);
  call<std::string>(Method::kGet, std::move(target), {}, std::move(done), as_it_is);
}

void NativeClient::nodes(Callback<std::string> done) {
  call<std::string>(Method::kGet, "/v1/nodes", {}, std::move(done), as_it_is);
}

net::ClientRequest attach_request(const std::string& session, uint32_t epoch, bool speaks) {
  net::ClientRequest request;
  request.target = session_target(session) + "/attach" + epoch_query(epoch);
  if (speaks) add_query(request.target, "speaks", "true");
  return request;
}

net::ClientRequest watch_request(const std::string& name_space, const std::string& datacenter,
                                 const std::vector<WatchedService>& services) {
  net::ClientRequest request;
  request.method = Method::kPost;
  request.target = "/v1/watch" + namespace_query(name_space);
  if (!datacenter.empty()) add_query(request.target, "dc", datacenter);
  add_json_body(request, encode_watch(services));
  return request;
}

}  // namespace callbook::sdk
