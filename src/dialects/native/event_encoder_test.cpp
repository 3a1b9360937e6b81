#include "dialects/native/event_encoder.h"

#include <gtest/gtest.h>

#include "core/registry.h"
#include "dialects/native/json_output.h"

namespace callbook::native {
namespace {

/// A registry whose one service is encoded as its watchers would get it.
class Events : public testing::Test {
 protected:
  Events() { static_cast<void>(registry_.step(core::FinishLoading{}, now_, outputs_)); }

  void put(const std::string& id, const std::string& value, uint16_t port = 8080) {
    core::RegisterInstance input;
    input.key = {{"default", "orders"}, id};
    input.registration.address = "10.0.0.7";
    input.registration.port = port;
    input.registration.metadata = *core::Metadata::from({{"v", value}});
    apply(input);
  }
  void remove(const std::string& id) {
    apply(core::DeregisterInstance{{{"default", "orders"}, id}, {}});
  }
  void apply(const core::Input& input) {
    ASSERT_TRUE(registry_.step(input, now_, outputs_).ok());
    for (const auto& published : registry_.publish()) view_ = published.view;
  }

  /// The payload of what `cursor` is owed; moves it.
  std::string next(core::WatchCursor& cursor, bool with_id = true) {
    const core::Owed owed = cursor.owed(view_.get());
    if (owed.kind == core::Owed::Kind::kNothing) return "";
    const EncodedEvent& event =
        encoder_.encode(view_->key, view_.get(), owed, with_id, view_->version);
    if (owed.kind == core::Owed::Kind::kDelta) {
      cursor.sent_delta(*view_, event.to);
    } else {
      cursor.sent_snapshot(view_.get(), event.last, event.end);
    }
    wire_bytes_ = event.piece->size();
    const size_t begin = event.piece->find("\r\n") + 2;
    return event.piece->substr(begin, event.piece->size() - begin - 2);
  }

  core::Registry registry_{core::RegistryOptions{}};
  base::Now now_{1'000, 1'700'000'000'000};
  core::Outputs outputs_;
  core::ServiceViewPtr view_;
  EventEncoder encoder_{"k3v9q2"};
  size_t wire_bytes_ = 0;
};

TEST_F(Events, HaveTheDocumentedForm) {
  put("o-1", "1");
  auto cursor = core::WatchCursor::blank();
  EXPECT_EQ(
      next(cursor),
      "event:snapshot\nid:k3v9q2-1\ndata:{\"service\":\"orders\",\"version\":1,\"digest\":\"" +
          digest_text(view_->digest) +
          "\",\"instances\":[{\"id\":\"o-1\",\"address\":\"10.0.0.7\",\"port\":8080,\"metadata\":{"
          "\"v\":\"1\"}}]}\n\n");
  put("o-2", "2");
  remove("o-1");
  const std::string delta = next(cursor);
  EXPECT_TRUE(
      delta.starts_with("event:delta\nid:k3v9q2-3\ndata:{\"service\":\"orders\",\"digest\":\""))
      << delta;
  EXPECT_TRUE(delta.ends_with(
      "\"put\":{\"o-2\":{\"address\":\"10.0.0.7\",\"port\":8080,\"metadata\":{\"v\":\"2\"}}},"
      "\"gone\":{\"o-1\":\"deregistered\"}}\n\n"))
      << delta;
  EXPECT_EQ(next(cursor), "");
  remove("o-2");
  const std::string emptied = next(cursor);
  EXPECT_NE(emptied.find("event:snapshot"), std::string::npos);
  EXPECT_NE(
      emptied.find(R"("empty":{"reason":"all_left","causes":{"deregistered":2}},"instances":[])"),
      std::string::npos)
      << emptied;
}

TEST_F(Events, AreEncodedOnceForAllWhoAreOwedTheSame) {
  put("o-1", "1");
  for (int i = 0; i < 100; ++i) {
    auto cursor = core::WatchCursor::blank();
    next(cursor);
  }
  EXPECT_EQ(encoder_.misses(), 1u);
  EXPECT_EQ(encoder_.hits(), 99u);
}

TEST_F(Events, StayWithinTheirBudgetOfBytesWhateverTheSizeOfTheService) {
  for (int i = 0; i < 1'000; ++i) put("orders-" + std::to_string(1000 + i), "x");
  auto cursor = core::WatchCursor::at_version(view_->version);
  // 200 bytes of data: address, port and metadata with their names.
  const std::string fixed = R"("address":"10.0.0.7","port":8080,"metadata":{"v":""})";
  put("orders-2000", std::string(200 - fixed.size(), 'm'));
  next(cursor);
  EXPECT_LE(wire_bytes_, 320u);
  remove("orders-2000");
  next(cursor);
  EXPECT_LE(wire_bytes_, 140u);
}

TEST_F(Events, LongListsAndDeltasGoInBoundedPiecesAndTheLastCarriesTheDigest) {
  auto watcher = core::WatchCursor::blank();
  put("o-1", "1");
  next(watcher);
  for (int i = 0; i < 300; ++i) put("i-" + std::to_string(1000 + i), std::string(900, 'x'));
  auto newcomer = core::WatchCursor::blank();
  for (auto* cursor : {&watcher, &newcomer}) {
    int pieces = 0;
    int digests = 0;
    int ids = 0;
    for (std::string event = next(*cursor); !event.empty(); event = next(*cursor)) {
      ++pieces;
      digests += event.find("\"digest\"") != std::string::npos ? 1 : 0;
      ids += event.find("\nid:") != std::string::npos ? 1 : 0;
      EXPECT_LE(wire_bytes_, EventEncoder::kMaxPieceBytes + 2'000);
    }
    EXPECT_GE(pieces, 8);
    EXPECT_EQ(digests, 1);
    EXPECT_EQ(ids, 1);
  }
}

TEST_F(Events, IdsOfAnotherBootAreNotUnderstood) {
  EXPECT_EQ(encoder_.version_of("k3v9q2-42"), 42u);
  for (const char* other : {"", "k3v9q2", "k3v9q2-", "k3v9q2-x", "k3v9q2-4 ", "other1-42",
                            "k3v9q2-99999999999999999999"}) {
    EXPECT_FALSE(encoder_.version_of(other).has_value()) << other;
  }
}

}  // namespace
}  // namespace callbook::native
