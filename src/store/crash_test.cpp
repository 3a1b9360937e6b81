// Power loss and process death at every moment, under a workload of everything an owner does.

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "store/test_log.h"

namespace callbook::store {
namespace {

using Survival = MemoryFileSystem::Survival;

struct Dice {
  uint64_t state;
  uint64_t roll(uint64_t sides) { return base::mix64(state += 0x9E3779B97F4A7C15) % sides; }
};

struct Attempt {
  OwnedRecord record;
  Position end = 0;  // 0 if the log refused it
};

/// An owner of a log that does at random all that an owner may do, and remembers what it was told.
class Owner {
 public:
  Owner(MemoryFileSystem& files, uint64_t seed) : files_(files), dice_{seed} {}

  /// Opens the log and holds what it finds against what it was told before the crash.
  void open(Survival survival) {
    LogOptions options;
    options.segment_bytes = 900;
    options.rewrite_slack_bytes = 3000;
    Opened opened = open_log(files_, options);
    ASSERT_TRUE(opened.status.ok()) << opened.status.error().to_string();
    check(opened, survival);
    state_ = opened.state;
    known_ = opened.state;
    attempts_.clear();
    durable_ = 0;
    version_ = std::max(version_, opened.report.last_version);
    logger_ = opened.logger;
    log_ = std::move(opened.log);
  }

  void act() {
    switch (dice_.roll(10)) {
      case 0:
        if (!commit_) commit_ = log_->begin_sync();
        if (commit_ && dice_.roll(2) == 0) run_commit();
        break;
      case 1:
        run_commit();
        finish_commit();
        break;
      case 2:
        if (rewrite_) {
          finish_rewrite();
        } else if (!log_->rewriting() && (log_->rewrite_due() || dice_.roll(5) == 0)) {
          if (log_->begin_rewrite().ok()) cursor_.clear();
        }
        break;
      case 3:
      case 4:
        step_rewrite();
        break;
      default:
        write();
    }
    durable_ = std::max(durable_, log_->durable());
  }

  void crash(Survival survival, uint64_t seed) {
    files_.crash(survival, seed);
    commit_.reset();
    rewrite_.reset();
    commit_ran_ = false;
    log_.reset();
  }

  MemoryFileSystem& files() { return files_; }
  Dice& dice() { return dice_; }
  uint64_t acknowledged() const { return acknowledged_; }

 private:
  void write() {
    std::vector<OwnedRecord> batch(1 + dice_.roll(3));
    std::vector<Record> views;
    for (OwnedRecord& record : batch) {
      record = make_record(++version_, "key-" + std::to_string(dice_.roll(12)));
      if (dice_.roll(4) == 0) record.value.clear();
      views.push_back(record.view());
    }
    const auto written = log_->append(views);
    for (const OwnedRecord& record : batch) {
      merge(state_, record);
      attempts_.push_back({record, written.ok() ? written.value() : 0});
    }
  }

  void run_commit() {
    if (!commit_ || commit_ran_) return;
    commit_->run();
    commit_ran_ = true;
  }

  void finish_commit() {
    if (!commit_) return;
    if (log_->finish_sync(std::move(commit_)).ok()) ++acknowledged_;
    commit_ran_ = false;
  }

  void step_rewrite() {
    if (!log_->rewriting() || rewrite_) return;
    for (int i = 0; i < 4; ++i) {
      const auto next = state_.upper_bound(cursor_);
      if (next == state_.end()) {
        rewrite_ = log_->seal_rewrite();
        return;
      }
      cursor_ = next->first;
      if (next->second.value.empty()) continue;
      if (!log_->rewrite_append({next->second.view()}).ok()) return;
    }
  }

  void finish_rewrite() {
    rewrite_->run();
    if (dice_.roll(2) == 0) write();
    if (log_->finish_rewrite(std::move(rewrite_)).ok()) ++acknowledged_;
  }

  /// Every key has its last durable record or one of those that were written after it; and after
  /// the mere death of the process, whatever was accepted.
  void check(const Opened& opened, Survival survival) const {
    State floor = known_;
    for (const Attempt& attempt : attempts_) {
      const bool accepted = attempt.end != 0;
      if (accepted && (survival == Survival::kEverything || attempt.end <= durable_)) {
        merge(floor, attempt.record);
      }
    }
    std::set<std::string> keys;
    for (const auto& [key, record] : floor) keys.insert(key);
    for (const auto& [key, record] : opened.state) keys.insert(key);
    for (const std::string& key : keys) check_key(key, floor, opened.state);
  }

  void check_key(const std::string& key, const State& floor, const State& found) const {
    const OwnedRecord nothing{0, key, ""};
    const auto at = [&](const State& state) {
      const auto place = state.find(key);
      return place == state.end() ? nothing : place->second;
    };
    const OwnedRecord least = at(floor);
    std::vector<OwnedRecord> allowed = {least};
    for (const Attempt& attempt : attempts_) {
      if (attempt.record.key == key && attempt.record.version > least.version) {
        allowed.push_back(attempt.record);
      }
    }
    const OwnedRecord present = at(found);
    const bool good = std::any_of(allowed.begin(), allowed.end(), [&](const OwnedRecord& record) {
      // A base drops an erased key altogether.
      return record == present || (record.value.empty() && present.value.empty());
    });
    EXPECT_TRUE(good) << key << ": found version " << present.version << ", at least "
                      << least.version << " was promised";
  }

  MemoryFileSystem& files_;
  Dice dice_;
  std::shared_ptr<LogLines> logger_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<Log::SyncJob> commit_;
  bool commit_ran_ = false;
  std::unique_ptr<Log::RewriteJob> rewrite_;
  std::string cursor_;
  State state_;                    // as the owner has it in memory
  State known_;                    // as it was when this life began
  std::vector<Attempt> attempts_;  // in this life
  Position durable_ = 0;
  uint64_t version_ = 0;
  uint64_t acknowledged_ = 0;
};

void live_and_crash(uint64_t seed, bool with_faults, uint64_t& acknowledged) {
  MemoryFileSystem files;
  Owner owner(files, seed);
  Survival survival = Survival::kEverything;
  for (uint64_t life = 0; life < 6; ++life) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << " life " << life);
    owner.open(survival);
    if (testing::Test::HasFailure()) return;
    Dice& dice = owner.dice();
    if (dice.roll(2) == 0) files.stop_after(1 + dice.roll(80));
    const uint64_t acts = 20 + dice.roll(100);
    for (uint64_t i = 0; i < acts; ++i) {
      if (with_faults && dice.roll(20) == 0) files.fail_append(1 + dice.roll(3), dice.roll(100));
      if (with_faults && dice.roll(15) == 0) files.fail_syncs(dice.roll(3) == 0);
      if (with_faults && dice.roll(15) == 0) files.fail_directory_sync(dice.roll(4));
      if (with_faults && dice.roll(15) == 0) files.fail_truncates(dice.roll(2) == 0);
      owner.act();
    }
    survival = static_cast<Survival>(dice.roll(3));
    owner.crash(survival, dice.roll(UINT64_MAX));
  }
  acknowledged += owner.acknowledged();
}

TEST(Crash, WhatWasReportedDurableSurvivesPowerLoss) {
  uint64_t acknowledged = 0;
  for (uint64_t seed = 1; seed <= 700 && !HasFailure(); ++seed) {
    live_and_crash(seed, false, acknowledged);
  }
  EXPECT_GT(acknowledged, 4000U) << "the workload must have something to lose";
}

TEST(Crash, AlsoWhenTheDiskFailsNowAndThen) {
  uint64_t acknowledged = 0;
  for (uint64_t seed = 1; seed <= 700 && !HasFailure(); ++seed) {
    live_and_crash(seed, true, acknowledged);
  }
  EXPECT_GT(acknowledged, 2000U);
}

/// One rewrite with appends before, during and after it.
struct Rewritten {
  State durable;    // promised before the disk stopped
  State attempted;  // all that was written
};

Rewritten write_and_rewrite(MemoryFileSystem& files) {
  Rewritten result;
  LogOptions options;
  options.segment_bytes = 700;
  const Opened opened = open_log(files, options);
  if (!opened.log) return result;
  Log& log = *opened.log;
  uint64_t version = 0;
  const auto write = [&](int records) {
    for (int i = 0; i < records; ++i) {
      merge(result.attempted, make_record(++version));
      static_cast<void>(append(log, make_record(version)).ok());
    }
    if (sync(log) && log.degraded().empty()) result.durable = result.attempted;
  };
  write(10);
  if (!log.begin_rewrite().ok()) return result;
  for (const auto& [key, record] : State(result.attempted)) {
    if (!log.rewrite_append({record.view()}).ok()) return result;
  }
  write(5);
  auto job = log.seal_rewrite();
  write(5);
  job->run();
  const bool finished = log.finish_rewrite(std::move(job)).ok();
  if (finished && log.degraded().empty() && log.durable() == log.end()) {
    result.durable = result.attempted;
  }
  write(5);
  return result;
}

TEST(Crash, AtEveryStepOfARewrite) {
  MemoryFileSystem whole;
  write_and_rewrite(whole);
  const uint64_t steps = whole.operations();
  ASSERT_GT(steps, 50U);
  for (uint64_t step = 1; step <= steps; ++step) {
    for (uint64_t seed = 0; seed < 12; ++seed) {
      SCOPED_TRACE(testing::Message() << "step " << step << " seed " << seed);
      MemoryFileSystem files;
      files.stop_after(step);
      const Rewritten written = write_and_rewrite(files);
      files.crash(seed == 0   ? Survival::kEverything
                  : seed == 1 ? Survival::kSynced
                              : Survival::kRandom,
                  seed);
      const Opened opened = open_log(files);
      ASSERT_TRUE(opened.status.ok()) << opened.status.error().to_string();
      for (const auto& [key, record] : written.durable) {
        ASSERT_TRUE(opened.state.contains(key)) << key;
        EXPECT_GE(opened.state.at(key).version, record.version);
      }
      for (const auto& [key, record] : opened.state) {
        EXPECT_EQ(record, make_record(record.version));
        EXPECT_LE(record.version, written.attempted.at(key).version);
      }
    }
  }
}

}  // namespace
}  // namespace callbook::store
