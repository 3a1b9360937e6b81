#include "sim/population.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/hash.h"
#include "sim/claimant.h"
#include "sim/consumer.h"
#include "sim/dispatcher.h"
#include "sim/operator.h"
#include "sim/provider.h"

namespace callbook::sim {
namespace {

constexpr uint64_t kRandomOfConsumers = 1'000'000;
constexpr uint64_t kRandomOfOperators = 2'000'000;
constexpr uint64_t kRandomOfDispatcher = 3'000'000;
constexpr uint64_t kRandomOfClaimant = 4'000'000;
constexpr uint64_t kRandomOfLapsing = 5'000'000;
constexpr uint32_t kLapsingServices = 4;
constexpr int64_t kGoesOnAfterFaultsMs = 10'000;
constexpr int64_t kStartSpreadMs = 2'000;
constexpr uint32_t kMostWatched = 4;
constexpr int kTriesToOperate = 6;

int64_t draw_ttl_ms(Random& random, ProviderPlan::Life life) {
  constexpr int64_t kTtls[] = {3'000, 4'500, 6'000, 9'000, 15'000};
  const bool own = life == ProviderPlan::Life::kOwnTtl;
  if (!own && random.chance(0.4)) return 0;
  return kTtls[random.index(std::size(kTtls))];
}

ProviderPlan::Life draw_life(Random& random) {
  const int64_t roll = random.between(1, 100);
  if (roll <= 45) return ProviderPlan::Life::kAttached;
  return roll <= 80 ? ProviderPlan::Life::kHeartbeats : ProviderPlan::Life::kOwnTtl;
}

core::Lapse draw_lapse(Random& random, int64_t ttl_ms) {
  core::Lapse lapse;
  if (random.chance(0.7)) lapse.down_after_ms = ttl_ms + random.between(0, 10'000);
  const int64_t least_ms = std::max(lapse.down_after_ms, ttl_ms);
  if (random.chance(0.75)) lapse.remove_after_ms = least_ms + random.between(0, 15'000);
  lapse.probe = random.chance(0.5);
  return lapse;
}

std::string address_of(ClientId client) {
  return fmt::format("10.{}.{}.1", client / 250, client % 250);
}

ProviderPlan::Item draw_item(Random& random, Truth& truth, size_t site, ClientId client,
                             size_t number, uint32_t services) {
  const core::ServiceKey service = truth.service(static_cast<uint32_t>(random.index(services)));
  ProviderPlan::Item item;
  item.key = truth.add_key({service, fmt::format("i{}-{}", site, number)});
  item.address = address_of(client);
  item.port = static_cast<uint16_t>(8'000 + number);
  if (random.chance(0.7)) item.zone = fmt::format("zone-{}", random.index(3));
  return item;
}

}  // namespace

Population::Population(Scheduler& scheduler, ClientPort& port, Random random,
                       const Settings& settings, Checkers& checkers)
    : scheduler_(scheduler),
      port_(port),
      random_(random),
      lapsing_random_(random.child(kRandomOfLapsing - 1)),
      settings_(settings),
      checkers_(checkers) {
  for (uint32_t i = 0; i < settings.services; ++i) {
    checkers.truth().add_service({core::kDefaultNamespace, fmt::format("svc-{}", i)});
  }
  make_sites();
  make_operators();
  make_consumers();
  dispatcher_ = std::make_unique<Dispatcher>(scheduler_, port_, random_.child(kRandomOfDispatcher),
                                             settings_, checkers_, next_client_++);
  if (settings_.claims_astray()) {
    claimant_ = std::make_unique<Claimant>(scheduler_, port_, random_.child(kRandomOfClaimant),
                                           checkers_, next_client_++);
  }
  if (settings_.lapses) make_lapsing_sites();
}

Population::~Population() = default;

void Population::make_sites() {
  sites_.reserve(settings_.providers);
  for (size_t i = 0; i < settings_.providers; ++i) {
    Random random = random_.child(i);
    Site site;
    site.client = next_client_++;
    site.plan = std::make_unique<ProviderPlan>();
    site.plan->life = draw_life(random);
    site.plan->ttl_ms = draw_ttl_ms(random, site.plan->life);
    const int64_t count = random.between(1, settings_.max_instances_per_provider);
    for (int64_t k = 0; k < count; ++k) {
      site.plan->items.push_back(draw_item(random, checkers_.truth(), i, site.client,
                                           static_cast<size_t>(k), settings_.services));
    }
    sites_.push_back(std::move(site));
  }
}

/// In services of their own, of one or two each; in some seeds there is a larger one.
void Population::make_lapsing_sites() {
  Truth& truth = checkers_.truth();
  const uint32_t services = kLapsingServices + (settings_.lapsing_mass ? 1 : 0);
  for (uint32_t i = 0; i < services; ++i) {
    Random random = random_.child(kRandomOfLapsing + i);
    const core::ServiceKey service{core::kDefaultNamespace, fmt::format("lapsing-{}", i)};
    const bool small = i < kLapsingServices;
    for (int64_t k = small ? random.between(1, 2) : random.between(3, 8); k > 0; --k) {
      Site site;
      site.client = next_client_++;
      site.plan = std::make_unique<ProviderPlan>();
      site.plan->life = ProviderPlan::Life::kOwnTtl;
      site.plan->ttl_ms = 1'500 * random.between(1, 4);
      ProviderPlan::Item item;
      item.key = truth.add_key({service, fmt::format("l{}-{}", i, k)});
      truth.set_lapse(item.key, draw_lapse(random, site.plan->ttl_ms));
      item.address = address_of(site.client);
      item.port = 7'000;
      site.plan->items.push_back(std::move(item));
      sites_.push_back(std::move(site));
    }
  }
}

/// They die more often than others, so that their rules have something to say.
void Population::end_lapsing_later(Site& site) {
  scheduler_.after(lapsing_random_.between(10'000, 60'000), [this, &site] {
    if (over()) return;
    end(site, lapsing_random_.chance(0.4));
    launch_later(site, lapsing_random_.between(2'000, kLongestLapseMs));
    end_lapsing_later(site);
  });
}

void Population::make_operators() {
  const int64_t count = random_.between(1, 2);
  for (int64_t i = 0; i < count; ++i) {
    Random random = random_.child(kRandomOfOperators + static_cast<uint64_t>(i));
    std::vector<KeyIndex> keys;
    Truth& truth = checkers_.truth();
    for (int64_t k = random.between(3, 10); k > 0; --k) {
      const auto service = static_cast<uint32_t>(random.index(settings_.services));
      keys.push_back(truth.add_key({truth.service(service), fmt::format("o{}-{}", i, k)}));
    }
    operators_.push_back(std::make_unique<Operator>(scheduler_, port_, random, settings_, checkers_,
                                                    next_client_++, std::move(keys)));
  }
}

void Population::make_consumers() {
  for (uint64_t i = 0; i < settings_.consumers; ++i) {
    Random random = random_.child(kRandomOfConsumers + i);
    std::vector<uint32_t> services;
    const int64_t most = std::min(settings_.services, kMostWatched);
    for (int64_t left = random.between(1, most); left > 0; --left) {
      const auto service = static_cast<uint32_t>(random.index(settings_.services));
      if (std::find(services.begin(), services.end(), service) == services.end()) {
        services.push_back(service);
      }
    }
    consumers_.push_back(std::make_unique<Consumer>(scheduler_, port_, random, settings_, checkers_,
                                                    next_client_++, std::move(services)));
  }
}

void Population::start() {
  for (size_t i = 0; i < sites_.size(); ++i) {
    launch_later(sites_[i], random_.between(0, kStartSpreadMs));
    if (i >= settings_.providers) end_lapsing_later(sites_[i]);
  }
  for (const auto& consumer : consumers_) {
    scheduler_.after(random_.between(0, kStartSpreadMs), [to = consumer.get()] { to->start(); });
  }
  for (const auto& one : operators_) one->start();
  dispatcher_->start();
  if (claimant_ != nullptr) claimant_->start();
  schedule_operation();
}

bool Population::over() const {
  const int64_t ended_ms = checkers_.faults_ended_ms();
  return ended_ms != kNever && scheduler_.now_ms() >= ended_ms + kGoesOnAfterFaultsMs;
}

// --- What happens to a site ---

/// As where each process has a name of its own: the next one is another instance, but listens
/// where its predecessor did.
void Population::rename_items(Site& site) {
  Truth& truth = checkers_.truth();
  const auto number = static_cast<size_t>(&site - sites_.data());
  for (size_t i = 0; i < site.plan->items.size(); ++i) {
    ProviderPlan::Item& item = site.plan->items[i];
    const core::ServiceKey service = truth.key(item.key).key.service;
    item.key = truth.add_key({service, fmt::format("i{}-{}-{}", number, i, providers_.size())});
  }
}

void Population::launch(Site& site) {
  if (over() || site.running != nullptr) return;
  if (settings_.addresses_reused && random_.chance(0.5) && !is_lapsing(site)) rename_items(site);
  const Random random = random_.child(base::mix64(providers_.size() + 1));
  providers_.push_back(std::make_unique<Provider>(scheduler_, port_, random, settings_, checkers_,
                                                  site.client, *site.plan));
  site.running = providers_.back().get();
  site.running->start();
}

void Population::launch_later(Site& site, int64_t delay_ms) {
  const uint64_t restart = ++site.restarts;
  scheduler_.after(delay_ms, [this, &site, restart] {
    if (site.restarts == restart) launch(site);
  });
}

void Population::end(Site& site, bool with_machine) {
  if (site.running == nullptr) return;
  site.running->die(with_machine);
  site.running = nullptr;
}

void Population::deploy(Site& site) {
  if (site.running != nullptr && site.running->running() && random_.chance(0.7)) {
    site.running->stop();
    site.running = nullptr;
  } else {
    end(site, false);
  }
  launch_later(site, random_.between(100, 3'000));
}

/// A second process under the same ids, by mistake or because the first was thought to be dead.
void Population::launch_rival(Site& site) {
  if (site.running == nullptr || site.plan->life == ProviderPlan::Life::kOwnTtl) return;
  site.client = next_client_++;
  site.running = nullptr;
  for (ProviderPlan::Item& item : site.plan->items) item.address = address_of(site.client);
  launch(site);
}

// --- What happens by chance ---

Population::Site& Population::any_site() {
  Site& site = sites_[random_.index(sites_.size())];
  // One that was told to stop is replaced some day.
  if (site.running != nullptr && !site.running->running()) site.running = nullptr;
  return site;
}

void Population::schedule_operation() {
  scheduler_.after(random_.between(1, 2 * settings_.operation_every_ms), [this] {
    if (over()) return;
    for (int tries = 0; tries < kTriesToOperate; ++tries) {
      const uint64_t before = operations();
      operate();
      if (operations() != before) break;
    }
    schedule_operation();
  });
}

void Population::operate() {
  Site& site = any_site();
  const int64_t roll = random_.between(1, 1000);
  if (site.running == nullptr) {
    if (roll <= 100) launch(site);
    return;
  }
  Provider& provider = *site.running;
  if (roll <= 380) return provider.update_one();
  if (roll <= 560) {
    if (provider.unwanted() * 2 < site.plan->items.size()) provider.deregister_one();
    return;
  }
  if (roll <= 760) return provider.register_one_again();
  if (roll <= 780) {
    const size_t number = site.plan->items.size();
    if (number >= 2 * size_t{settings_.max_instances_per_provider}) return;
    const auto index = static_cast<size_t>(&site - sites_.data());
    site.plan->items.push_back(
        draw_item(random_, checkers_.truth(), index, site.client, number, settings_.services));
    return provider.add_one(site.plan->items.back());
  }
  if (roll <= 860) return operators_[random_.index(operators_.size())]->change_one();
  if (roll <= 890) return provider.move_away();
  if (roll <= 930) return consumers_[random_.index(consumers_.size())]->reconnect();
  if (roll <= 950) return deploy(site);
  if (roll <= 975) {
    end(site, random_.chance(0.3));
    return launch_later(site, random_.between(200, 20'000));
  }
  if (roll <= 985) return launch_rival(site);
  dispatcher_->change_one();
}

void Population::mass_deployment() {
  if (over()) return;
  for (Site& site : sites_) {
    if (!random_.chance(0.7)) continue;
    scheduler_.after(random_.between(0, 3'000), [this, &site] {
      if (!over()) deploy(site);
    });
  }
}

void Population::mass_death() {
  if (over()) return;
  for (Site& site : sites_) {
    if (!random_.chance(0.6)) continue;
    end(site, random_.chance(0.3));
    if (random_.chance(0.8)) launch_later(site, random_.between(1'000, 40'000));
  }
}

Provider* Population::any_provider() {
  Site& site = any_site();
  return site.running;
}

std::vector<ClientId> Population::most_of_a_service() {
  std::vector<ClientId> chosen;
  const auto service = static_cast<uint32_t>(random_.index(settings_.services));
  for (const Site& site : sites_) {
    const bool offers =
        site.running != nullptr && site.running->running() && site.running->offers(service);
    if (offers && random_.chance(0.6)) chosen.push_back(site.client);
  }
  return chosen;
}

void Population::strike_service(Blow blow) {
  if (over()) return;
  for (const ClientId client : most_of_a_service()) {
    Site& site = *std::find_if(sites_.begin(), sites_.end(),
                               [&](const Site& one) { return one.client == client; });
    end(site, blow == Blow::kMachinesLost);
    if (random_.chance(0.7)) launch_later(site, random_.between(1'000, 150'000));
  }
}

void Population::slow_consumer() {
  if (over() || consumers_.empty()) return;
  consumers_[random_.index(consumers_.size())]->stop_reading(random_.between(3'000, 20'000));
}

uint64_t Population::operations() const {
  uint64_t count = 0;
  for (const auto& provider : providers_) count += provider->operations();
  for (const auto& one : operators_) count += one->operations();
  count += dispatcher_->operations();
  if (claimant_ != nullptr) count += claimant_->operations();
  return count;
}

uint64_t Population::state_hash() const {
  uint64_t hash = base::mix64(operations());
  for (const auto& provider : providers_) hash = base::mix64(hash ^ provider->state_hash());
  for (const auto& one : operators_) hash = base::mix64(hash ^ one->state_hash());
  hash = base::mix64(hash ^ dispatcher_->state_hash());
  for (const auto& consumer : consumers_) hash = base::mix64(hash ^ consumer->state_hash());
  return hash;
}

}  // namespace callbook::sim
