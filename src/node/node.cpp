#include "node/node.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "core/registry.h"
#include "dialects/native/native_dialect.h"
#include "net/event_loop.h"
#include "net/http_server.h"
#include "node/board.h"
#include "node/core_driver.h"
#include "node/io_front.h"
#include "node/prober.h"
#include "node/settings.h"
#include "node/store_keeper.h"
#include "node/worker.h"
#include "store/file_system.h"
#include "store/log.h"

namespace callbook::node {
namespace {

constexpr int64_t kReportMs = 500;

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "node-1";
}

/// Short, since it is part of every event id; new at every start with near certainty.
std::string boot_id_from(uint64_t random_bits) {
  constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string id;
  for (int i = 0; i < 6; ++i, random_bits /= kDigits.size())
    id += kDigits[random_bits % kDigits.size()];
  return id;
}

uint32_t thread_count(const Config& config) {
  if (config.io_threads != 0) return std::min(config.io_threads, 64u);
  return std::clamp(std::thread::hardware_concurrency() / 2, 1u, 8u);
}

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
  void on_every_front(std::function<void(IoFront&)> task);
  base::Status listen();
  void load();
  Loaded replay();
  void begin_service(Loaded loaded);
  void begin_stop(std::string_view why);
  void lane_stopped();
  void give_up(base::Error error);
  std::string ready_line() const;

  const Config config_;
  base::Logger& logger_;
  net::SystemClock clock_;
  core::NodeFacts facts_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  Board board_;
  Worker worker_;
  std::unique_ptr<store::FileSystem> files_;
  std::unique_ptr<CoreDriver> driver_;
  std::unique_ptr<Prober> prober_;
  std::unique_ptr<net::EventLoop::Timer> signals_;
  std::thread loader_;
  std::function<void(const std::string&)> on_ready_;
  base::Status outcome_;
  size_t lanes_running_ = 0;
  bool stopping_ = false;
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
  make_lanes();
}

Node::Impl::~Impl() {
  if (loader_.joinable()) loader_.join();
  prober_.reset();
  // Streams and polls hold ties to sessions, which they give back through front and driver.
  for (auto& lane : lanes_) {
    lane->server.reset();
    lane->dialect.reset();
  }
}

void Node::Impl::make_lanes() {
  core::RegistryOptions options{facts_.name, config_.datacenter, config_.limits, config_.timing,
                                service_timing(config_)};
  const size_t count = thread_count(config_);
  for (size_t i = 0; i < count; ++i) lanes_.push_back(std::make_unique<Lane>());
  driver_ = std::make_unique<CoreDriver>(
      core_loop(), clock_, board_, logger_, std::make_unique<core::Registry>(options), count,
      [this](size_t index, Delivery delivery) {
        Lane& lane = *lanes_[index];
        if (index == 0) return lane.front->take(std::move(delivery));
        auto held = std::make_shared<Delivery>(std::move(delivery));
        lane.loop.post([&lane, held] { lane.front->take(std::move(*held)); });
      });
  prober_ = std::make_unique<Prober>(
      config_.probe_limits, [this](std::vector<core::ProbeResult> results) {
        auto held = std::make_shared<std::vector<core::ProbeResult>>(std::move(results));
        core_loop().post([this, held] { driver_->take(*held); });
      });
  driver_->set_probe(
      [this](std::vector<core::Probe> probes) { prober_->probe(std::move(probes)); });
  for (size_t i = 0; i < count; ++i) {
    Lane& lane = *lanes_[i];
    lane.front = std::make_unique<IoFront>(IoFront::Parts{
        i, &lane.loop, &core_loop(), driver_.get(), &board_, &clock_, &facts_, &config_.limits,
        count, [this](std::function<void(IoFront&)> task) { on_every_front(std::move(task)); }});
    if (i == 0) facts_.boot_id = boot_id_from(lane.front->new_session_id().low);
    lane.dialect =
        std::make_unique<native::NativeDialect>(*lane.front, lane.loop, config_.native_limits);
    lane.server =
        std::make_unique<net::HttpServer>(lane.loop, *lane.dialect, config_.http_limits, logger_);
    lane.front->make_report = [&lane] {
      return FrontReport{lane.server->stats(), lane.dialect->stats(),
                         lane.front->catalog().subscriptions()};
    };
    lane.reporter = lane.loop.every(kReportMs, [&lane] { lane.front->report(); });
  }
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
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  facts_.http =
      v6 ? fmt::format("[{}]:{}", endpoint.host, port) : fmt::format("{}:{}", endpoint.host, port);
  return {};
}

base::Status Node::Impl::run(const std::function<void(const std::string&)>& on_ready) {
  on_ready_ = on_ready;
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
  }
  static_cast<void>(registry.step(core::FinishLoading{report.last_version}, clock_.now(), outputs));
  const auto counts = registry.counts();
  logger_.info("loaded {} records ({} bytes) in {} ms: {} services, {} instances, {} sessions",
               report.records, report.bytes, clock_.now().mono_ms - began_ms, counts.services,
               counts.instances, counts.sessions);
  return loaded;
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
  driver_->start(std::move(keeper));
  board_.set_state("serving");
  for (auto& lane : lanes_) {
    // Behind the first publication, which driver_->start() has put into the same queue.
    lane->loop.post([front = lane->front.get()] { front->set_ready(); });
  }
  core_loop().post([this] { on_ready_(ready_line()); });
}

std::string Node::Impl::ready_line() const {
  return fmt::format("ready node={} http={} boot={} data={}", facts_.name, facts_.http,
                     facts_.boot_id, config_.dev ? "memory" : config_.data);
}

void Node::Impl::give_up(base::Error error) {
  outcome_ = std::move(error);
  begin_stop("giving up");
}

void Node::Impl::begin_stop(std::string_view why) {
  if (stopping_) return;
  stopping_ = true;
  abandon_load_.store(true, std::memory_order_relaxed);
  logger_.info("stopping: {}", why);
  board_.set_state("stopping");
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
  driver_->flush([this] {
    for (auto& lane : lanes_) lane->loop.stop();
  });
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
