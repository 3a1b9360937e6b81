#include "callbook/client.h"

#include <stdexcept>
#include <utility>

#include "base/address.h"
#include "base/name.h"
#include "sdk/client_core.h"
#include "sdk/default_id.h"
#include "sdk/local_address.h"
#include "sdk/registration_state.h"

namespace callbook {
namespace {

void require(const base::Status& status) {
  if (!status.ok()) throw std::invalid_argument(status.error().to_string());
}

void require_service(const std::string& name_space, const std::string& name) {
  require(base::check_name("namespace", name_space));
  require(base::check_name("service", name));
}

/// The registry through which this host's own address is found out.
std::optional<sdk::Endpoint> some_registry(const sdk::RegistryPlace& place) {
  if (!place.listed.empty()) return place.listed.front();
  if (place.kind == sdk::RegistryPlace::Kind::kDns) return place.name;
  return std::nullopt;
}

/// The address by which this host reaches the registry; if its name can't be resolved now, or is
/// not known yet, the one by which it reaches anybody.
std::string own_address(const sdk::RegistryPlace& place) {
  // Of the network for documentation (RFC 5737): the default route leads there. Nothing is sent.
  const sdk::Endpoint anywhere{"192.0.2.1", 9};
  const auto registry = some_registry(place);
  auto address = sdk::local_address_towards(registry.value_or(anywhere));
  if (!address.ok()) address = sdk::local_address_towards(anywhere);
  if (!address.ok()) {
    throw std::invalid_argument(
        "address: must be given, since this host has no route to tell it by");
  }
  return std::move(*address);
}

/// What is registered, with what was left out filled in.
Instance completed(Instance instance, const std::string& service, const sdk::RegistryPlace& place) {
  if (instance.address.empty()) instance.address = own_address(place);
  auto address = base::normal_address("address", instance.address);
  if (!address.ok()) throw std::invalid_argument(address.error().to_string());
  instance.address = std::move(*address);
  if (instance.id.empty()) {
    instance.id =
        sdk::default_instance_id(service, sdk::host_name(), instance.address, instance.port);
  }
  require(base::check_name("id", instance.id));
  return instance;
}

Guard guard_of(const RegistrationOptions& options) {
  if (options.guard) {
    if (!options.served.empty()) {
      throw std::invalid_argument("served: may not be given beside guard, which says it already");
    }
    return *options.guard;
  }
  return Guard(options.served.empty() ? std::vector<std::string>{options.service} : options.served);
}

}  // namespace

Client::Client(ClientOptions options) {
  if (options.name.empty()) options.name = sdk::host_name();
  core_ = std::make_shared<sdk::ClientCore>(std::move(options));
}

Client::~Client() = default;

Service Client::service(const std::string& name, ServiceOptions options) {
  require_service(options.name_space, name);
  const sdk::ServiceName key{options.name_space, name};
  return Service(core_->follow(key, std::move(options)));
}

Registration Client::register_instance(RegistrationOptions options) {
  require_service(options.name_space, options.service);
  Guard guard = guard_of(options);
  options.instance = completed(std::move(options.instance), options.service, core_->place());
  return Registration(
      std::make_unique<sdk::RegistrationState>(core_, std::move(options), std::move(guard)));
}

// --- Service ---

Service::Service(std::shared_ptr<sdk::ServiceState> state) : state_(std::move(state)) {}

const std::string& Service::name() const {
  return state_->name().service;
}

std::optional<Pick> Service::pick(const PickOptions& options) const {
  return state_->pick(options);
}

std::vector<InstancePtr> Service::instances() const {
  return state_->instances();
}

Source Service::source() const {
  return state_->source();
}

std::optional<std::chrono::milliseconds> Service::age() const {
  return state_->age(net::SystemClock().now());
}

bool Service::wait(std::chrono::milliseconds timeout) const {
  return state_->wait(timeout);
}

std::string Service::trouble() const {
  return state_->trouble();
}

Service::Subscription Service::on_change(std::function<void(const Service&)> changed) const {
  // Not a handle of its own service: that would keep itself alive.
  const std::weak_ptr<sdk::ServiceState> state = state_;
  return state_->on_change([state, changed = std::move(changed)] {
    if (auto present = state.lock()) changed(Service(std::move(present)));
  });
}

// --- Registration ---

Registration::Registration(std::unique_ptr<sdk::RegistrationState> state)
    : state_(std::move(state)) {}

Registration::Registration(Registration&&) noexcept = default;

Registration& Registration::operator=(Registration&& other) noexcept {
  Registration ended(std::move(*this));  // drains
  state_ = std::move(other.state_);
  return *this;
}

Registration::~Registration() {
  if (state_ != nullptr && !state_->drained()) state_->drain(state_->drain_timeout());
}

const Instance& Registration::instance() const {
  return state_->instance();
}

bool Registration::registered() const {
  return state_->registered();
}

bool Registration::wait(std::chrono::milliseconds timeout) const {
  return state_->wait(timeout);
}

std::string Registration::trouble() const {
  return state_->trouble();
}

std::optional<Withdrawal> Registration::withdrawn() const {
  return state_->withdrawn();
}

void Registration::set_status(Status status, std::string_view text) {
  state_->set_status(status, text);
}

Guard& Registration::guard() const {
  return state_->guard();
}

Registration::Drained Registration::drain(std::chrono::milliseconds timeout) {
  return state_->drain(timeout);
}

}  // namespace callbook
