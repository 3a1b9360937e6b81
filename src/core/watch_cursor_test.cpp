#include "core/watch_cursor.h"

#include <map>
#include <random>

#include <gtest/gtest.h>

#include "core/script_test.h"

namespace callbook::core {
namespace {

/// A subscriber that takes what it is owed in pieces of a few entries, as a dialect would send it.
class Client {
 public:
  explicit Client(WatchCursor cursor) : cursor_(std::move(cursor)) {}

  /// Takes one piece; says whether there was one.
  bool pull(const ServiceView* view, size_t most) {
    const Owed owed = cursor_.owed(view);
    if (owed.kind == Owed::Kind::kNothing) return false;
    if (owed.kind == Owed::Kind::kDelta) {
      take_delta(*view, owed, most);
    } else {
      take_snapshot(view, owed, most);
    }
    ++pieces_;
    return true;
  }

  void resume(WatchCursor cursor) { cursor_ = std::move(cursor); }
  uint64_t digest() const {
    uint64_t sum = 0;
    for (const auto& [id, part] : list_) sum += part;
    return sum;
  }
  const std::map<std::string, uint64_t>& list() const { return list_; }
  int pieces() const { return pieces_; }
  int snapshots() const { return snapshots_; }
  bool whole() const { return cursor_.whole(); }

 private:
  void take_snapshot(const ServiceView* view, const Owed& owed, size_t most) {
    if (owed.first) {
      list_.clear();
      ++snapshots_;
    }
    std::string last(owed.after);
    bool end = true;
    if (view != nullptr) {
      size_t taken = 0;
      end = view->list.visit_after(owed.after, [&](const ListEntry& entry) {
        if (taken++ == most) return false;
        list_[std::string(entry.id())] = entry.digest_part();
        last = entry.id();
        return true;
      });
    }
    if (end && owed.may_complete) {
      EXPECT_EQ(digest(), view == nullptr ? 0 : view->digest);
    }
    cursor_.sent_snapshot(view, last, end);
  }

  void take_delta(const ServiceView& view, const Owed& owed, size_t most) {
    uint64_t to = owed.from;
    size_t taken = 0;
    view.window.for_each_after(owed.from, [&](const Change& change) {
      if (taken++ >= most) return;
      const ListEntry* entry = view.list.find(change.id);
      if (entry == nullptr) {
        list_.erase(change.id);
      } else {
        list_[change.id] = entry->digest_part();
      }
      to = change.version;
    });
    cursor_.sent_delta(view, to);
  }

  WatchCursor cursor_;
  std::map<std::string, uint64_t> list_;
  int pieces_ = 0;
  int snapshots_ = 0;
};

/// One changing service and its latest view.
class Changing {
 public:
  Changing() { static_cast<void>(registry_.step(FinishLoading{}, now_, outputs_)); }

  void put(int id, int port) {
    RegisterInstance input;
    input.key = {{"default", "orders"}, "i-" + std::to_string(1000 + id)};
    input.registration.address = "10.0.0.1";
    input.registration.port = static_cast<uint16_t>(port);
    apply(input);
  }
  void remove(int id) {
    apply(DeregisterInstance{{{"default", "orders"}, "i-" + std::to_string(1000 + id)}, {}});
  }
  void publish() {
    for (const ServicePublished& published : registry_.publish()) view_ = published.view;
  }
  const ServiceView* view() const { return view_.get(); }

 private:
  void apply(const Input& input) {
    static_cast<void>(registry_.step(input, now_, outputs_));
    outputs_.clear();
  }
  Registry registry_{RegistryOptions{}};
  base::Now now_{1'000, 1'700'000'000'000};
  Outputs outputs_;
  ServiceViewPtr view_;
};

TEST(WatchCursor, EveryClientEndsWithTheListHoweverSlowItIs) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    Changing service;
    std::vector<Client> clients;
    for (int i = 0; i < 8; ++i) clients.emplace_back(WatchCursor::blank());
    const int ids = seed % 3 == 0 ? 30 : 400;
    for (int step = 0; step < 3'000; ++step) {
      const int id = static_cast<int>(random() % static_cast<uint32_t>(ids));
      if (random() % 3 == 0) {
        service.remove(id);
      } else {
        service.put(id, static_cast<int>(random() % 100));
      }
      if (random() % 4 == 0) service.publish();
      // The first is quick, the last pulls hardly ever.
      for (size_t c = 0; c < clients.size(); ++c) {
        if (random() % (1u << c) != 0) continue;
        clients[c].pull(service.view(), 1 + random() % 40);
        if (random() % 200 == 0 && clients[c].whole())
          clients[c].resume(WatchCursor::with_digest(clients[c].digest()));
      }
    }
    service.publish();
    for (Client& client : clients) {
      for (int pulls = 0; client.pull(service.view(), 25); ++pulls)
        ASSERT_LT(pulls, 1'000) << "does not come to an end";
      EXPECT_EQ(client.digest(), service.view()->digest) << "seed " << seed;
      EXPECT_EQ(client.list().size(), service.view()->list.size());
    }
  }
}

TEST(WatchCursor, AnEqualDigestIsOwedNothing) {
  Changing service;
  service.put(1, 1);
  service.publish();
  Client same(WatchCursor::with_digest(service.view()->digest));
  EXPECT_FALSE(same.pull(service.view(), 10));
  Client other(WatchCursor::with_digest(service.view()->digest + 1));
  EXPECT_TRUE(other.pull(service.view(), 10));
  EXPECT_EQ(other.snapshots(), 1);
  Client unknown(WatchCursor::with_digest(0));
  EXPECT_FALSE(unknown.pull(nullptr, 10));
}

TEST(WatchCursor, ABurstComesAsOneDeltaAndAFarAwayCursorGetsASnapshot) {
  Changing service;
  for (int i = 0; i < 100; ++i) service.put(i, 1);
  service.publish();
  const uint64_t then = service.view()->version;
  for (int i = 0; i < 50; ++i) service.put(i, 2);
  service.publish();
  Client near(WatchCursor::at_version(then));
  EXPECT_TRUE(near.pull(service.view(), 1'000));
  EXPECT_FALSE(near.pull(service.view(), 1'000));
  EXPECT_EQ(near.snapshots(), 0);
  for (uint32_t i = 0; i < 3 * DeltaRecorder::kMaxGeneration; ++i)
    service.put(static_cast<int>(i % 100), static_cast<int>(3 + i % 7));
  service.publish();
  Client far(WatchCursor::at_version(then));
  EXPECT_TRUE(far.pull(service.view(), 1'000));
  EXPECT_EQ(far.snapshots(), 1);
}

TEST(WatchCursor, AnEmptiedListIsOneEmptySnapshot) {
  Changing service;
  service.put(1, 1);
  service.put(2, 1);
  service.publish();
  Client client(WatchCursor::blank());
  EXPECT_TRUE(client.pull(service.view(), 10));
  service.remove(1);
  service.remove(2);
  service.publish();
  EXPECT_TRUE(client.pull(service.view(), 10));
  EXPECT_EQ(client.snapshots(), 2);
  EXPECT_TRUE(client.list().empty());
  EXPECT_FALSE(client.pull(service.view(), 10));
}

}  // namespace
}  // namespace callbook::core
