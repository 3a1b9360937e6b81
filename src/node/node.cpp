#include "node/node.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/check.h"
#include "bus/nats/nats_bus.h"
#include "core/registry.h"
#include "dialects/native/native_dialect.h"
#include "dialects/peer/peer_dialect.h"
#include "net/event_loop.h"
#include "net/http_server.h"
#include "node/board.h"
#include "node/boot_id.h"
#include "node/cluster.h"
#include "node/core_driver.h"
#include "node/folder_name.h"
#include "node/follower.h"
#include "node/io_front.h"
#include "node/probing.h"
#include "node/settings.h"
#include "node/store_keeper.h"
#include "node/worker.h"
#include "store/file_system.h"
#include "store/log.h"

namespace callbook::node {
namespace {

constexpr int64_t kReportMs = 500;
/// At a stop the bus is given so long to acknowledge what it is owed.
constexpr int64_t kFarewellMs = 1'000;
constexpr int64_t kFarewellStepMs = 10;

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "node-1";
}

uint64_t random_bits() {
  uint64_t bits = 0;
  CALLBOOK_CHECK(getrandom(&bits, sizeof bits, 0) == static_cast<ssize_t>(sizeof bits));
  return bits;
}

uint32_t thread_count(const Config& config) {
  if (config.io_threads != 0) return std::min(config.io_threads, 64u);
  return std::clamp(std::thread::hardware_concurrency() / 2, 1u, 8u);
}

/// One port for two kinds of callers: clients, and other nodes.
class Doorway final : public net::HttpHandler {
 public:
  Doorway(native::NativeDialect& clients, peer::PeerDialect& nodes)
      : clients_(clients), nodes_(nodes) {}

  void handle(const net::HttpRequest& request, net::HttpExchange exchange) override {
    const bool of_node = request.path.starts_with(peer::PeerDialect::kPrefix);
    (of_node ? static_cast<net::HttpHandler&>(nodes_) : clients_)
        .handle(request, std::move(exchange));
  }
  net::HttpResponse refuse(int status, const base::Error& error) override {
    return clients_.refuse(status, error);
  }

 private:
  native::NativeDialect& clients_;
  peer::PeerDialect& nodes_;
};

}  // namespace

class Node::Impl {
 public:
  Impl(Config config, base::Logger& logger);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  base::Status run(const std::function<void(const std::string&)>& on_ready);
  void stop() {
    core_loop().post([this] { begin_stop("asked to"); });
  }

 private:
  /// One I/O thread with all that lives on it, in the order of their construction.
  struct Lane {
    net::EventLoop loop;
    std::unique_ptr<IoFront> front;
    std::unique_ptr<native::NativeDialect> dialect;
    std::unique_ptr<peer::PeerDialect> peers;
    std::unique_ptr<Doorway> doorway;
    std::unique_ptr<net::HttpServer> server;
    std::unique_ptr<net::EventLoop::Timer> reporter;
    std::thread thread;  ///< none for the core's lane, which runs on the caller's
  };
  struct Loaded {
    std::unique_ptr<store::Log> log;
    base::Status status;
  };

  net::EventLoop& core_loop() { return lanes_.front()->loop; }
  void make_lanes();
  void make_lane(size_t index);
  void make_driver();
  base::Status make_bus();
  void open_doors();
  void on_every_front(std::function<void(IoFront&)> task);
  std::function<void(core::SeenQuestion, std::function<void(core::Seen)>)> ask_others();
  void make_followers(const core::RegistryOptions& options);
  std::vector<std::string> followed_names() const;
  void report();
  base::Status listen();
  void load();
  Loaded replay();
  void look_at_folder_name();
  void keep_folder_name();
  void begin_service(Loaded loaded);
  void begin_stop(std::string_view why);
  void stop_lanes();
  void lane_stopped();
  void give_up(base::Error error);
  std::string ready_line() const;
  void end_loops();

  const Config config_;
  const uint64_t boot_ = random_bits();
  base::Logger& logger_;
  net::SystemClock clock_;
  core::NodeFacts facts_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  Board board_;
  Worker worker_;
  std::unique_ptr<store::FileSystem> files_;
  std::unique_ptr<CoreDriver> driver_;
  std::unique_ptr<Cluster> cluster_;  ///< none: this node stands alone
  std::vector<std::unique_ptr<Follower>> followers_;
  std::unique_ptr<net::EventLoop::Timer> reporter_;
  std::unique_ptr<Probing> probing_;
  std::unique_ptr<net::EventLoop::Timer> signals_;
  std::thread loader_;
  std::function<void(const std::string&)> on_ready_;
  base::Status outcome_;
  size_t lanes_running_ = 0;
  std::unique_ptr<net::EventLoop::Timer> farewell_;
  std::string listens_;      ///< where `http` is bound
  std::string folder_name_;  ///< of the node that used the data directory last
  bool stopping_ = false;
  size_t lanes_leaving_ = 0;
  bool lanes_stopping_ = false;
  bool flushing_ = false;
  bool serving_ = false;  ///< the doors have been opened
  std::atomic<bool> abandon_load_{false};
};

Node::Impl::Impl(Config config, base::Logger& logger)
    : config_(std::move(config)),
      logger_(logger),
      board_(thread_count(config_)),
      files_(store::make_posix_file_system()) {
  facts_.name = config_.node.empty() ? host_name() : config_.node;
  facts_.datacenter = config_.datacenter;
  facts_.version = CALLBOOK_VERSION;
  facts_.started_wall_ms = clock_.now().wall_ms;
  facts_.clustered = !config_.bus.empty();
  facts_.boot_id = boot_id_from(boot_);
  facts_.failover = failover(config_);
  make_lanes();
}

Node::Impl::~Impl() {
  if (loader_.joinable()) loader_.join();
  probing_.reset();
  // Streams and polls hold ties to sessions, which they give back through front and driver.
  for (auto& lane : lanes_) {
    lane->server.reset();
    lane->doorway.reset();
    lane->peers.reset();
    lane->dialect.reset();
  }
}

void Node::Impl::make_driver() {
  core::RegistryOptions options{facts_.name, config_.datacenter, config_.limits, config_.timing,
                                service_timing(config_)};
  options.clustered = !config_.bus.empty();
  options.asks_for_name = options.clustered;
  options.boot = boot_;
  driver_ = std::make_unique<CoreDriver>(
      core_loop(), clock_, board_, logger_, std::make_unique<core::Registry>(options),
      lanes_.size(), [this](size_t index, Delivery delivery) {
        Lane& lane = *lanes_[index];
        if (index == 0) return lane.front->take(std::move(delivery));
        auto held = std::make_shared<Delivery>(std::move(delivery));
        lane.loop.post([&lane, held] { lane.front->take(std::move(*held)); });
      });
  driver_->when_whole([this] { open_doors(); });
  probing_ = std::make_unique<Probing>(
      core_loop(), clock_, probe::ProberOptions{config_.probe_limits, config_.resolver},
      [this](const std::vector<core::ProbeResult>& results) { driver_->take(results); });
  make_followers(options);
  driver_->set_probe(
      [this](std::vector<core::Probe> probes) { probing_->probe(std::move(probes)); });
}

void Node::Impl::make_followers(const core::RegistryOptions& options) {
  auto all = *parse_followed(config_.follow);
  for (FollowedNodes& nodes : all) {
    const size_t followed = followers_.size();
    auto deliver = [this, followed](std::shared_ptr<const core::Publication> publication,
                                    bool whole, int64_t heard_ms) {
      for (auto& held : lanes_) {
        Lane& lane = *held;
        lane.loop.post([&lane, followed, publication, whole, heard_ms] {
          lane.front->take(followed, publication, whole, heard_ms);
        });
      }
    };
    followers_.push_back(std::make_unique<Follower>(
        Follower::Parts{&core_loop(), &clock_, &logger_}, std::move(nodes), options, deliver));
  }
}

void Node::Impl::make_lanes() {
  for (size_t i = 0; i < thread_count(config_); ++i) lanes_.push_back(std::make_unique<Lane>());
  make_driver();
  if (!config_.bus.empty()) {
    cluster_ = std::make_unique<Cluster>(
        Cluster::Parts{&core_loop(), &clock_, &logger_, driver_.get(), &board_, &facts_, boot_,
                       [this](base::Error error) { give_up(std::move(error)); }},
        cluster_identity(config_), *parse_endpoints("peers", config_.peers));
    driver_->set_others(cluster_.get());
    probing_->set_other_node([this] { return cluster_->other_node(); });
  }
  for (size_t i = 0; i < lanes_.size(); ++i) make_lane(i);
}

std::function<void(core::SeenQuestion, std::function<void(core::Seen)>)> Node::Impl::ask_others() {
  if (!cluster_) return nullptr;
  return [this](core::SeenQuestion question, std::function<void(core::Seen)> done) {
    core_loop().post([this, question = std::move(question), done = std::move(done)] {
      cluster_->ask_seen(question, done);
    });
  };
}

std::vector<std::string> Node::Impl::followed_names() const {
  std::vector<std::string> names;
  for (const auto& follower : followers_) names.push_back(follower->datacenter());
  return names;
}

void Node::Impl::report() {
  board_.put(probing_->stats());
  std::vector<FollowReport> reports;
  for (const auto& follower : followers_) reports.push_back(follower->report());
  board_.put(std::move(reports));
}

void Node::Impl::make_lane(size_t index) {
  Lane& lane = *lanes_[index];
  lane.front = std::make_unique<IoFront>(IoFront::Parts{
      index, &lane.loop, &core_loop(), driver_.get(), &board_, &clock_, &facts_, &config_.limits,
      lanes_.size(),
      [this](std::function<void(IoFront&)> task) { on_every_front(std::move(task)); }, ask_others(),
      followed_names(), probing_.get()});
  lane.dialect =
      std::make_unique<native::NativeDialect>(*lane.front, lane.loop, config_.native_limits);
  lane.peers = std::make_unique<peer::PeerDialect>(*lane.front, cluster_.get());
  lane.doorway = std::make_unique<Doorway>(*lane.dialect, *lane.peers);
  lane.server =
      std::make_unique<net::HttpServer>(lane.loop, *lane.doorway, config_.http_limits, logger_);
  lane.front->make_report = [&lane] {
    return FrontReport{lane.server->stats(), lane.dialect->stats(),
                       lane.front->catalog().subscriptions()};
  };
  lane.reporter = lane.loop.every(kReportMs, [&lane] { lane.front->report(); });
}

/// What may fail of joining a cluster: options that can't work.
base::Status Node::Impl::make_bus() {
  if (!cluster_) return {};
  auto options = bus_options(config_);
  if (!options.ok()) return options.error();
  options->node = facts_.name;
  const auto key = stamp_key(config_);
  if (!key.ok()) return key.error();
  facts_.stamp_key = *key;
  auto bus = bus::nats::make_bus(std::move(*options), logger_, [this] { cluster_->wake(); });
  if (!bus.ok()) return bus.error();
  cluster_->set_bus(std::move(*bus));
  return {};
}

void Node::Impl::on_every_front(std::function<void(IoFront&)> task) {
  for (auto& held : lanes_) {
    Lane& lane = *held;
    lane.loop.post([&lane, task] { task(*lane.front); });
  }
}

base::Status Node::Impl::listen() {
  const Endpoint endpoint = *parse_endpoint("http", config_.http);
  uint16_t port = endpoint.port;
  for (auto& lane : lanes_) {
    const auto bound = lane->server->listen(endpoint.host, port, lanes_.size() > 1);
    if (!bound.ok()) return bound.error();
    port = *bound;  // the first may have taken a free one; the others share it
  }
  listens_ = to_text({endpoint.host, port});
  facts_.http = config_.advertise.empty() ? listens_ : config_.advertise;
  return {};
}

base::Status Node::Impl::run(const std::function<void(const std::string&)>& on_ready) {
  on_ready_ = on_ready;
  if (auto status = make_bus(); !status.ok()) return status;
  if (auto status = listen(); !status.ok()) return status;
  signals_ = core_loop().on_stop_signal(
      [this](int signal) { begin_stop(signal == 2 ? "SIGINT" : "SIGTERM"); });
  lanes_running_ = lanes_.size();
  for (size_t i = 1; i < lanes_.size(); ++i) {
    Lane& lane = *lanes_[i];
    lane.thread = std::thread([&lane] { lane.loop.run(); });
  }
  loader_ = std::thread([this] { load(); });
  core_loop().run();
  for (auto& lane : lanes_) {
    if (lane->thread.joinable()) lane->thread.join();
  }
  return outcome_;
}

void Node::Impl::load() {
  // Until begin_service() the registry belongs to this thread; fronts answer not_ready.
  auto loaded = std::make_shared<Loaded>(replay());
  core_loop().post([this, loaded] { begin_service(std::move(*loaded)); });
}

Node::Impl::Loaded Node::Impl::replay() {
  core::Registry& registry = driver_->registry();
  core::Outputs outputs;
  store::RecoveryReport report;
  Loaded loaded;
  const int64_t began_ms = clock_.now().mono_ms;
  if (!config_.dev) {
    const auto merge = [&](const store::Record& record) -> base::Status {
      if (abandon_load_.load(std::memory_order_relaxed)) {
        return base::Error{base::ErrorCode::kConflict, "", "stopped while loading", std::nullopt};
      }
      const auto reply = registry.step(core::MergeRecord{record.version, record.key, record.value},
                                       clock_.now(), outputs);
      return reply.ok() ? base::Status{} : base::Status(reply.error());
    };
    store::LogOptions options = config_.log;
    options.salvage = config_.salvage;
    auto log = store::Log::open(*files_, config_.data, options, logger_, merge, &report);
    if (!log.ok()) {
      base::Error error = log.error();
      if (error.code == base::ErrorCode::kCorrupt) {
        error.detail +=
            "; restore the data directory from a backup, or start once with --salvage "
            "to keep every record that verifies";
      }
      loaded.status = std::move(error);
      return loaded;
    }
    loaded.log = std::move(*log);
    look_at_folder_name();
  }
  static_cast<void>(registry.step(core::FinishLoading{report.last_version}, clock_.now(), outputs));
  const auto counts = registry.counts();
  logger_.info("loaded {} records ({} bytes) in {} ms: {} services, {} instances, {} sessions",
               report.records, report.bytes, clock_.now().mono_ms - began_ms, counts.services,
               counts.instances, counts.sessions);
  return loaded;
}

void Node::Impl::look_at_folder_name() {
  folder_name_ = folder_name(*files_, config_.data);
  if (folder_name_.empty() || folder_name_ == facts_.name) return;
  logger_.warn("the data directory {} was last used by node '{}'; this node is '{}', and {}",
               config_.data, folder_name_, facts_.name,
               facts_.clustered ? "sessions homed at the former count as those of a lost node"
                                : "goes on with what it holds");
}

void Node::Impl::keep_folder_name() {
  if (config_.dev || folder_name_ == facts_.name) return;
  worker_.post([this] {
    const auto kept = remember_folder_name(*files_, config_.data, facts_.name);
    if (!kept.ok()) {
      logger_.warn("the data directory does not remember the node's name: {}",
                   kept.error().to_string());
    }
  });
}

void Node::Impl::begin_service(Loaded loaded) {
  loader_.join();
  if (stopping_) return;
  if (!loaded.status.ok()) return give_up(loaded.status.error());
  std::unique_ptr<StoreKeeper> keeper;
  if (loaded.log) {
    keeper =
        std::make_unique<StoreKeeper>(core_loop(), worker_, driver_->registry(),
                                      std::move(loaded.log), logger_, config_.sync_interval_ms);
  }
  if (cluster_) {
    board_.set_state("joining");
    cluster_->start();
  }
  driver_->start(std::move(keeper));
  for (auto& follower : followers_) follower->start();
  report();
  reporter_ = core_loop().every(kReportMs, [this] { report(); });
}

/// The state is whole, and its first publication is on its way to every front.
void Node::Impl::open_doors() {
  if (stopping_) return;  // its clients have been sent away
  board_.set_state("serving");
  serving_ = true;
  keep_folder_name();
  for (auto& lane : lanes_) {
    lane->loop.post([front = lane->front.get()] { front->set_ready(); });
  }
  core_loop().post([this] { on_ready_(ready_line()); });
}

std::string Node::Impl::ready_line() const {
  return fmt::format("ready node={} http={} boot={} data={}", facts_.name, listens_, facts_.boot_id,
                     config_.dev ? "memory" : config_.data);
}

void Node::Impl::give_up(base::Error error) {
  if (stopping_) return;  // it was asked to stop, and does
  outcome_ = std::move(error);
  begin_stop("giving up");
}

void Node::Impl::begin_stop(std::string_view why) {
  if (std::exchange(stopping_, true)) return stop_lanes();  // whoever asks twice is in a hurry
  abandon_load_.store(true, std::memory_order_relaxed);
  logger_.info("stopping: {}", why);
  board_.set_state("stopping");
  const bool sends_on = cluster_ && outcome_.ok() && config_.leave_ms > 0 && serving_ &&
                        !board_.other_nodes()->empty();
  if (!sends_on) return stop_lanes();
  cluster_->leave();
  lanes_leaving_ = lanes_.size();
  for (auto& held : lanes_) {
    Lane& lane = *held;
    lane.loop.post([this, &lane] {
      lane.dialect->leave(config_.leave_ms, [this] {
        core_loop().post([this] {
          if (--lanes_leaving_ == 0) stop_lanes();
        });
      });
    });
  }
}

void Node::Impl::stop_lanes() {
  if (std::exchange(lanes_stopping_, true)) return;
  for (auto& held : lanes_) {
    Lane& lane = *held;
    lane.loop.post([this, &lane] {
      lane.dialect->answer_waiting();
      lane.front->stop_waiting();
      lane.server->stop(config_.stop_grace_ms,
                        [this] { core_loop().post([this] { lane_stopped(); }); });
    });
  }
}

void Node::Impl::lane_stopped() {
  if (--lanes_running_ > 0) return;
  // What was accepted here should be known elsewhere before this node is gone: it is in the outbox
  // still if it isn't, and goes out at the next start.
  const int64_t until_ms = clock_.now().mono_ms + kFarewellMs;
  farewell_ = core_loop().every(kFarewellStepMs, [this, until_ms] {
    const bool owes =
        cluster_ && cluster_->bus_connected() && driver_->registry().owed_changes() > 0;
    if (owes && clock_.now().mono_ms < until_ms) return;
    if (!std::exchange(flushing_, true)) driver_->flush([this] { end_loops(); });
  });
}

void Node::Impl::end_loops() {
  probing_->stop();
  if (cluster_) cluster_->stop();
  for (auto& follower : followers_) follower->stop();
  for (auto& lane : lanes_) lane->loop.stop();
}

Node::Node(Config config, base::Logger& logger)
    : impl_(std::make_unique<Impl>(std::move(config), logger)) {}
Node::~Node() = default;
base::Status Node::run(const std::function<void(const std::string&)>& on_ready) {
  return impl_->run(on_ready);
}
void Node::stop() {
  impl_->stop();
}
std::vector<std::string> Node::routes() {
  return native::NativeDialect::routes();
}

}  // namespace callbook::node
