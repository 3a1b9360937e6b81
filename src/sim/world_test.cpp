#include "sim/world.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sdk/directory.h"

namespace callbook::sim {
namespace {

constexpr ClientId kProvider = 1;
constexpr ClientId kConsumer = 2;
constexpr core::SessionId kSession{1, 2};

struct Blind final : Observer {
  void fault(Fault, std::string_view) override {}
  void node_started(size_t, uint64_t) override {}
  void node_died(size_t) override {}
  void node_paused(size_t, int64_t) override {}
  void phase_changed(size_t, core::Phase) override {}
  void published(size_t, const core::ServicePublished&) override {}
  void stepped(size_t, const Step&) override {}
  void link_changed(std::string_view, bool) override {}
  void faults_ended() override {}
};

/// A client's end of a stream, with a directory of one service.
struct Sink final : StreamSink {
  void opened() override { is_open = true; }
  void alive() override { ++signs_of_life; }
  void event(WatchEvent event, std::optional<std::pair<uint64_t, uint64_t>> id) override {
    if (event.snapshot) {
      ++snapshot_parts;
      directory.take(std::move(*event.snapshot));
    } else {
      directory.take(std::move(*event.delta));
    }
    if (id) last_id = id;
  }
  void closed(const std::optional<base::Error>& error) override {
    is_open = false;
    is_closed = true;
    why = error;
  }

  sdk::Directory directory{"orders"};
  std::optional<std::pair<uint64_t, uint64_t>> last_id;
  int signs_of_life = 0;
  int snapshot_parts = 0;
  bool is_open = false;
  bool is_closed = false;
  std::optional<base::Error> why;
};

class WorldTest : public testing::Test {
 protected:
  static Settings settings_for(uint32_t nodes) {
    Settings settings;
    settings.seed = 5;
    settings.nodes = nodes;
    return settings;
  }

  void begin(uint32_t nodes) {
    settings_ = settings_for(nodes);
    world_ = std::make_unique<World>(scheduler_, observer_, settings_);
    world_->start();
    wait(30'000);
  }
  void wait(int64_t for_ms) { scheduler_.run_until(scheduler_.now_ms() + for_ms); }

  /// What a call came to: "ok", an error's name, "nothing", or "waiting".
  std::string call(core::Input input, size_t node = 0, core::Ack ack = core::Ack::kLocal,
                   int64_t wait_ms = 8'000) {
    auto result = std::make_shared<std::string>("waiting");
    world_->clients().call(
        kProvider, node, std::move(input), ack, 7'000, [result](const ClientPort::Answer& answer) {
          *result = !answer ? "nothing" : answer->ok() ? "ok" : base::name_of(answer->error().code);
        });
    wait(wait_ms);
    return *result;
  }
  std::string open(size_t node = 0) {
    return call(core::OpenSession{kSession, 6'000, "p"}, node, core::Ack::kLocal, 50);
  }
  core::RegisterInstance instance(const std::string& id, bool persistent) {
    core::RegisterInstance input;
    input.key = {{"default", "orders"}, id};
    input.registration.address = "10.0.0.1";
    if (!persistent) input.registration.holder = {core::HolderKind::kSession, kSession, 0};
    return input;
  }
  std::shared_ptr<Sink> watch(size_t node = 0,
                              WatchRequest request = {{{{"default", "orders"}, {}}}, {}}) {
    auto sink = std::make_shared<Sink>();
    stream_ = world_->clients().watch(kConsumer, node, std::move(request), sink);
    wait(100);
    return sink;
  }
  std::shared_ptr<Sink> attach(size_t node = 0) {
    auto sink = std::make_shared<Sink>();
    stream_ = world_->clients().attach(kProvider, node, core::AttachSession{kSession}, sink);
    wait(100);
    return sink;
  }
  uint32_t instances(size_t node = 0) {
    return world_->nodes()[node]->process()->registry().counts().instances;
  }
  Endpoint provider() { return world_->links().client(kProvider); }

  Settings settings_;
  Scheduler scheduler_;
  Blind observer_;
  std::unique_ptr<World> world_;
  StreamId stream_ = 0;
};

TEST_F(WorldTest, AWatcherFollowsWhatIsRegistered) {
  begin(1);
  const auto sink = watch();
  ASSERT_TRUE(sink->is_open);
  EXPECT_TRUE(sink->directory.whole());
  EXPECT_EQ(call(instance("o-1", true)), "ok");
  EXPECT_EQ(sink->directory.instances().size(), 1u);
  EXPECT_TRUE(sink->directory.whole());
  ASSERT_TRUE(sink->last_id);
  const auto before = sink->last_id;
  EXPECT_EQ(call(instance("o-2", true)), "ok");

  const auto resumed = watch(0, {{{{"default", "orders"}, {}}}, before});
  EXPECT_EQ(resumed->snapshot_parts, 0);
  EXPECT_EQ(resumed->last_id, sink->last_id);
}

TEST_F(WorldTest, LongListsComeInParts) {
  begin(1);
  for (int i = 0; i < 30; ++i)
    call(instance("o-" + std::to_string(i), true), 0, core::Ack::kLocal, 10);
  const auto sink = watch();
  EXPECT_GT(sink->snapshot_parts, 3);
  EXPECT_EQ(sink->directory.instances().size(), 30u);
  EXPECT_TRUE(sink->directory.whole());
}

TEST_F(WorldTest, AnAttachedSessionLivesAsLongAsItsConnection) {
  begin(1);
  ASSERT_EQ(open(), "ok");
  const auto sink = attach();
  ASSERT_TRUE(sink->is_open);
  EXPECT_EQ(call(instance("o-1", false)), "ok");
  wait(30'000);
  EXPECT_GT(sink->signs_of_life, 10);
  EXPECT_EQ(instances(), 1u);
  world_->clients().hang_up(stream_);
  wait(10'000);
  EXPECT_EQ(instances(), 0u);
}

TEST_F(WorldTest, ALostMachineIsNoticedByItsSilence) {
  begin(1);
  ASSERT_EQ(open(), "ok");
  const auto sink = attach();
  EXPECT_EQ(call(instance("o-1", false)), "ok");
  world_->clients().client_died(kProvider, true);
  wait(9'000);
  EXPECT_EQ(instances(), 1u);  // 5 s for the connection, then the lease
  wait(5'000);
  EXPECT_EQ(instances(), 0u);
  EXPECT_FALSE(sink->is_closed);
}

TEST_F(WorldTest, AHalfOpenConnectionIsResetByTheNode) {
  begin(1);
  ASSERT_EQ(open(), "ok");
  const auto sink = attach();
  world_->links().cut(provider(), Links::node(0));
  wait(4'000);
  EXPECT_FALSE(sink->is_closed);
  wait(3'000);
  EXPECT_TRUE(sink->is_closed);
  EXPECT_FALSE(sink->why);
}

TEST_F(WorldTest, CallsFindNobodyBehindADeadLinkAndARefusalAtADeadProcess) {
  begin(1);
  world_->links().cut(Links::node(0), provider());
  EXPECT_EQ(call(instance("o-1", true), 0, core::Ack::kLocal, 6'000), "waiting");
  wait(2'000);
  EXPECT_EQ(instances(), 1u);  // applied, though nobody was told
  world_->links().mend(Links::node(0), provider());
  wait(1'000);  // until the answer that waited has come
  world_->nodes()[0]->kill();
  EXPECT_EQ(call(instance("o-2", true), 0, core::Ack::kLocal, 50), "nothing");
  world_->nodes()[0]->start();
  EXPECT_EQ(call(instance("o-3", true), 0, core::Ack::kLocal, 50), "not_ready");
}

TEST_F(WorldTest, AKilledProcessForgetsNothing) {
  begin(1);
  EXPECT_EQ(call(instance("o-1", true), 0, core::Ack::kLocal, 10), "ok");
  const auto sink = watch();
  world_->nodes()[0]->kill();
  wait(100);
  EXPECT_TRUE(sink->is_closed);
  world_->nodes()[0]->start();
  wait(5'000);
  EXPECT_EQ(instances(), 1u);
}

TEST_F(WorldTest, PowerLossTakesWhatWasNotLogged) {
  begin(1);
  EXPECT_EQ(call(instance("o-1", true), 0, core::Ack::kLogged, 100), "ok");
  EXPECT_EQ(call(instance("o-2", true), 0, core::Ack::kLocal, 4), "ok");
  world_->nodes()[0]->lose_power(store::MemoryFileSystem::Survival::kSynced);
  EXPECT_EQ(call(instance("o-3", true), 0, core::Ack::kLocal, 7'100), "nothing");
  world_->nodes()[0]->start();
  wait(5'000);
  EXPECT_EQ(instances(), 1u);
}

TEST_F(WorldTest, AFailingDiskMakesLoggedAnswersHonest) {
  begin(1);
  world_->nodes()[0]->set_syncs_fail(true);
  EXPECT_EQ(call(instance("o-1", true), 0, core::Ack::kLogged), "applied_not_logged");
  EXPECT_EQ(call(instance("o-2", true)), "ok");
  world_->nodes()[0]->set_syncs_fail(false);
  wait(5'000);
  EXPECT_EQ(call(instance("o-3", true), 0, core::Ack::kLogged), "ok");
}

TEST_F(WorldTest, APausedProcessAnswersAfterwards) {
  begin(1);
  world_->nodes()[0]->pause(3'000);
  EXPECT_EQ(call(instance("o-1", true), 0, core::Ack::kLocal, 3'000), "waiting");
  EXPECT_EQ(instances(), 0u);
  world_->nodes()[0]->go_on();
  wait(100);
  EXPECT_EQ(instances(), 1u);
}

TEST_F(WorldTest, NodesShareWhatTheyAreTold) {
  begin(3);
  const auto sink = watch(2);
  EXPECT_EQ(call(instance("o-1", true), 0, core::Ack::kLogged, 200), "ok");
  EXPECT_EQ(instances(1), 1u);
  EXPECT_EQ(sink->directory.instances().size(), 1u);
  EXPECT_EQ(world_->nodes()[0]->process()->registry().replica_digest().root(),
            world_->nodes()[2]->process()->registry().replica_digest().root());
}

TEST_F(WorldTest, WithoutTheBusLoggedAnswersAreHonest) {
  begin(2);
  world_->links().cut(Links::node(0), world_->links().bus());
  EXPECT_EQ(call(instance("o-1", true), 0, core::Ack::kLogged), "applied_not_logged");
  EXPECT_EQ(instances(1), 1u);  // told directly, which no store of the bus holds
  world_->links().cut(Links::node(0), Links::node(1));
  EXPECT_EQ(call(instance("o-2", true), 0, core::Ack::kLogged), "applied_not_logged");
  EXPECT_EQ(instances(1), 1u);
  world_->links().mend(Links::node(0), world_->links().bus());
  wait(5'000);
  EXPECT_EQ(instances(1), 2u);
}

TEST_F(WorldTest, ALateNodeLearnsEverything) {
  begin(2);
  EXPECT_EQ(call(instance("o-1", true), 0), "ok");
  world_->nodes()[1]->lose_power(store::MemoryFileSystem::Survival::kSynced);
  for (int i = 2; i < 50; ++i)
    call(instance("o-" + std::to_string(i), true), 0, core::Ack::kLocal, 10);
  world_->nodes()[1]->start();
  wait(20'000);
  EXPECT_EQ(instances(1), 49u);
  const auto sink = watch(1);
  EXPECT_EQ(sink->directory.instances().size(), 49u);
}

}  // namespace
}  // namespace callbook::sim
