#include "sdk/registry_pool.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"

namespace callbook::sdk {
namespace {

constexpr std::string_view kDnsPrefix = "dns:";
constexpr std::string_view kFilePrefix = "file:";
constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// Calls `take(part)` for each part of `text` between separators, until it returns false.
template <typename Take>
void split(std::string_view text, char separator, Take take) {
  for (;;) {
    const size_t end = text.find(separator);
    if (!take(text.substr(0, end)) || end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

bool is_wildcard(const Endpoint& endpoint) {
  return endpoint.host == "0.0.0.0" || endpoint.host == "::";
}

}  // namespace

std::string RegistryPlace::to_string() const {
  if (kind == Kind::kDns) return std::string(kDnsPrefix) + name.to_string();
  if (kind == Kind::kFile) return std::string(kFilePrefix) + path;
  std::string text;
  for (const Endpoint& endpoint : listed) text += (text.empty() ? "" : ",") + endpoint.to_string();
  return text;
}

base::Result<RegistryPlace> parse_registry_place(std::string_view text) {
  RegistryPlace place;
  if (text.starts_with(kDnsPrefix)) {
    auto name = parse_endpoint(text.substr(kDnsPrefix.size()));
    if (!name.ok()) return name.error();
    place.kind = RegistryPlace::Kind::kDns;
    place.name = std::move(*name);
    return place;
  }
  if (text.starts_with(kFilePrefix)) {
    place.kind = RegistryPlace::Kind::kFile;
    place.path = text.substr(kFilePrefix.size());
    if (place.path.starts_with('/')) return place;
    return base::invalid("registry", fmt::format("'{}' is no file:/PATH", text));
  }
  base::Status status;
  split(text, ',', [&](std::string_view part) {
    auto endpoint = parse_endpoint(trimmed(part));
    if (!endpoint.ok()) {
      status = endpoint.error();
      return false;
    }
    const auto same = [&](const Endpoint& known) { return known == *endpoint; };
    if (std::none_of(place.listed.begin(), place.listed.end(), same)) {
      place.listed.push_back(std::move(*endpoint));
    }
    return true;
  });
  if (!status.ok()) return status.error();
  return place;
}

base::Result<std::vector<Endpoint>> parse_registry_lines(std::string_view text) {
  std::vector<Endpoint> endpoints;
  base::Status status;
  int number = 0;
  split(text, '\n', [&](std::string_view line) {
    ++number;
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) return true;
    auto endpoint = parse_endpoint(line);
    if (endpoint.ok()) {
      endpoints.push_back(std::move(*endpoint));
      return true;
    }
    status = base::invalid("registry", fmt::format("line {}: '{}' is no HOST:PORT", number, line));
    return false;
  });
  if (!status.ok()) return status.error();
  if (endpoints.empty()) return base::invalid("registry", "names no registry");
  return endpoints;
}

RegistryPool::RegistryPool(Endpoints endpoints, Random random) : random_(std::move(random)) {
  CALLBOOK_CHECK(!endpoints.empty());
  append(std::move(endpoints));
}

RegistryPool::RegistryPool(std::string place, Lookup lookup, Random random)
    : random_(std::move(random)), place_(std::move(place)), lookup_(std::move(lookup)) {
  look_up();
}

RegistryPoolPtr single_registry(const Endpoint& endpoint) {
  return std::make_shared<RegistryPool>(RegistryPool::Endpoints{endpoint}, [] { return 0.0; });
}

void RegistryPool::failed(const Endpoint& used, const base::Error& error) {
  std::erase_if(failures_, [&](const Failure& failure) { return failure.endpoint == used; });
  std::erase(old_, used);
  failures_.push_back({used, error.detail});
  if (order_.empty() || order_[turn_] != used) return;
  turn_ = (turn_ + 1) % order_.size();
  if (++failures_in_row_ % order_.size() == 0) look_up();
}

void RegistryPool::found_none() {
  look_up();
}

void RegistryPool::succeeded(const Endpoint& used) {
  if (!order_.empty() && order_[turn_] == used) failures_in_row_ = 0;
  failures_.clear();
}

void RegistryPool::found_old(const Endpoint& used) {
  if (!is_old(used)) old_.push_back(used);
}

bool RegistryPool::is_old(const Endpoint& endpoint) const {
  return std::find(old_.begin(), old_.end(), endpoint) != old_.end();
}

std::string RegistryPool::tried() const {
  std::string text;
  for (const auto& [endpoint, what] : failures_) {
    if (!text.empty()) text += "; ";
    // Errors of connections name their endpoint already.
    const std::string name = endpoint.to_string();
    text += what.find(name) == std::string::npos ? name + ": " + what : what;
  }
  return text;
}

base::Error RegistryPool::nobody() const {
  const std::string why = looking_ ? "is being looked up" : lookup_error_;
  return {base::ErrorCode::kIo, {}, fmt::format("{}: {}", place_, why), {}};
}

void RegistryPool::learned(const std::vector<std::string>& nodes, const Endpoint& from) {
  Endpoints fresh;
  for (const std::string& node : nodes) {
    if (learned_.size() == kMaxLearned) break;
    auto endpoint = parse_endpoint(node);
    if (!endpoint.ok() || is_wildcard(*endpoint) || contains(*endpoint)) continue;
    if (endpoint->is_loopback() && !from.is_loopback()) continue;
    learned_.push_back(*endpoint);
    fresh.push_back(std::move(*endpoint));
  }
  append(std::move(fresh));
}

void RegistryPool::look_up() {
  if (!lookup_ || std::exchange(looking_, true)) return;
  lookup_([this, alive = std::weak_ptr<bool>(alive_)](const base::Result<Endpoints>& found) {
    if (!alive.expired()) looked_up(found);
  });
}

void RegistryPool::looked_up(const base::Result<Endpoints>& found) {
  looking_ = false;
  if (!found.ok()) {
    lookup_error_ = found.error().detail;
  } else if (found->empty()) {
    lookup_error_ = "names no registry";
  } else {
    lookup_error_.clear();
    // Whoever is in use stays so while it is still named.
    const Endpoints before = std::exchange(order_, {});
    const size_t turn = std::exchange(turn_, 0);
    append(*found);
    append(learned_);
    if (turn < before.size()) {
      const auto at = std::find(order_.begin(), order_.end(), before[turn]);
      if (at != order_.end()) turn_ = static_cast<size_t>(at - order_.begin());
    }
  }
  for (const auto& waiting : std::exchange(listeners_, {})) {
    if (const Listener listener = waiting.lock()) (*listener)();
  }
}

void RegistryPool::append(Endpoints endpoints) {
  shuffle(endpoints);
  for (Endpoint& endpoint : endpoints) {
    if (!contains(endpoint)) order_.push_back(std::move(endpoint));
  }
}

bool RegistryPool::contains(const Endpoint& endpoint) const {
  return std::find(order_.begin(), order_.end(), endpoint) != order_.end();
}

void RegistryPool::shuffle(Endpoints& endpoints) {
  for (size_t left = endpoints.size(); left > 1; --left) {
    const auto drawn = static_cast<size_t>(random_() * static_cast<double>(left));
    std::swap(endpoints[left - 1], endpoints[std::min(drawn, left - 1)]);
  }
}

}  // namespace callbook::sdk
