#include "node/core_driver.h"

#include <gtest/gtest.h>

#include "store/memory_file_system.h"

namespace callbook::node {
namespace {

struct Silence final : base::Logger {
  void write(base::LogLevel, std::string_view) override {}
};

/// A driver with one front on one loop, over a disk that fails on demand.
class Driven : public testing::Test {
 protected:
  void open() {
    auto registry = std::make_unique<core::Registry>(core::RegistryOptions{});
    core::Outputs outputs;
    store::RecoveryReport report;
    auto log = store::Log::open(
        files_, "data", {}, silence_,
        [&](const store::Record& record) -> base::Status {
          auto reply = registry->step({core::MergeRecord{record.version, record.key, record.value}},
                                      clock_.now(), outputs);
          return reply.ok() ? base::Status{} : base::Status(reply.error());
        },
        &report);
    ASSERT_TRUE(log.ok()) << log.error().to_string();
    static_cast<void>(
        registry->step(core::FinishLoading{report.last_version}, clock_.now(), outputs));
    driver_ = std::make_unique<CoreDriver>(
        loop_, clock_, board_, silence_, std::move(registry), 1,
        [this](size_t, Delivery delivery) { take(std::move(delivery)); });
    driver_->start(std::make_unique<StoreKeeper>(loop_, worker_, driver_->registry(),
                                                 std::move(*log), silence_, 1'000));
  }

  void take(Delivery delivery) {
    if (delivery.publication) catalog_.apply(*delivery.publication);
    for (Answer& answer : delivery.answers) answer.done(answer.reply);
  }

  void put(int number, core::Ack ack, std::function<void(const base::Result<core::Reply>&)> done) {
    core::RegisterInstance input;
    input.key = {{"default", "orders"}, "o-" + std::to_string(number)};
    input.registration.address = "10.0.0.1";
    driver_->submit(0, Submission{input, ack, std::move(done)});
  }

  /// Runs the loop until `finished` says so; a test that hangs is ended by the guard.
  void run_until(std::function<bool()> finished) {
    const auto poll = loop_.every(1, [&] {
      if (finished()) loop_.stop();
    });
    bool timed_out = false;
    const auto guard = loop_.after(20'000, [&] {
      timed_out = true;
      loop_.stop();
    });
    loop_.run();
    ASSERT_FALSE(timed_out);
  }

  store::MemoryFileSystem files_;
  Silence silence_;
  net::SystemClock clock_;
  Board board_{1};
  net::EventLoop loop_;
  Worker worker_;
  core::PublishedCatalog catalog_;
  std::unique_ptr<CoreDriver> driver_;
};

TEST_F(Driven, ATurnsInputsAreOneBatchAndVisibleBeforeTheirAnswers) {
  open();
  int answered = 0;
  for (int i = 0; i < 100; ++i) {
    put(i, core::Ack::kLocal, [&](const auto& reply) {
      EXPECT_TRUE(reply.ok());
      EXPECT_EQ(catalog_.find({"default", "orders"})->list.size(), 100u);
      ++answered;
    });
  }
  run_until([&] { return answered == 100; });
  driver_->report();
  EXPECT_EQ(board_.snapshot().core.batches, 1u);
  EXPECT_EQ(board_.snapshot().core.publications, 1u);
}

TEST_F(Driven, WhatWasLoggedSurvivesAPowerCut) {
  open();
  int logged = 0;
  for (int i = 0; i < 50; ++i) {
    put(i, core::Ack::kLogged, [&](const auto& reply) { logged += reply.ok() ? 1 : 0; });
  }
  run_until([&] { return logged == 50; });
  files_.crash(store::MemoryFileSystem::Survival::kSynced);
  driver_.reset();
  open();
  EXPECT_EQ(driver_->registry().counts().instances, 50u);
}

TEST_F(Driven, AFullDiskFailsLoggedAcksOnlyAndHeals) {
  open();
  files_.set_free_bytes(0);
  int local = 0;
  base::Result<core::Reply> refused = core::Reply(core::Done{});
  put(1, core::Ack::kLocal, [&](const auto& reply) { local += reply.ok() ? 1 : 0; });
  put(2, core::Ack::kLogged, [&](const auto& reply) { refused = reply; });
  run_until([&] { return local == 1 && !refused.ok(); });
  EXPECT_EQ(refused.error().code, base::ErrorCode::kAppliedNotLogged);
  EXPECT_EQ(catalog_.find({"default", "orders"})->list.size(), 2u) << "applied all the same";
  driver_->report();
  EXPECT_FALSE(board_.snapshot().core.degraded.empty());

  files_.set_free_bytes(std::nullopt);
  run_until([&] {
    driver_->report();
    return board_.snapshot().core.degraded.empty();
  });
  bool logged = false;
  put(3, core::Ack::kLogged, [&](const auto& reply) { logged = reply.ok(); });
  run_until([&] { return logged; });
  files_.crash(store::MemoryFileSystem::Survival::kSynced);
  driver_.reset();
  open();
  EXPECT_EQ(driver_->registry().counts().instances, 3u)
      << "the heal wrote what the full disk had refused";
}

TEST_F(Driven, AnFsyncErrorFailsLoggedAcksAndHealsIntoNewFiles) {
  open();
  files_.fail_syncs(true);
  base::Result<core::Reply> refused = core::Reply(core::Done{});
  put(1, core::Ack::kLogged, [&](const auto& reply) { refused = reply; });
  run_until([&] { return !refused.ok(); });
  EXPECT_EQ(refused.error().code, base::ErrorCode::kAppliedNotLogged);
  files_.fail_syncs(false);
  run_until([&] {
    driver_->report();
    return board_.snapshot().core.degraded.empty();
  });
  files_.crash(store::MemoryFileSystem::Survival::kSynced);
  driver_.reset();
  open();
  EXPECT_EQ(driver_->registry().counts().instances, 1u);
}

}  // namespace
}  // namespace callbook::node
