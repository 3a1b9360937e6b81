// What release 0.1.0 has written (golden/, made by make_golden.py) is read by this build as it was
// meant, and what a later release adds to it is passed on as it is.

#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/record_codec.h"
#include "core/registry.h"
#include "dialects/peer/node_card.h"

namespace callbook::core {
namespace {

constexpr std::string_view kDatacenter = "dc1";
constexpr uint8_t kTagOfALaterRelease = 250;

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::vector<std::string> lines_of(const std::string& name) {
  std::ifstream file(std::string(CALLBOOK_GOLDEN) + "/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.front() != '#') lines.push_back(line);
  }
  return lines;
}

struct Golden {
  struct Item {
    std::string key;
    std::string value;
  };
  int64_t wall_ms = 0;
  std::map<std::string, std::vector<Item>> stores;  ///< each in the order of writing
};

Golden golden() {
  Golden all;
  std::string store;
  for (const std::string& line : lines_of("records.txt")) {
    const size_t space = line.find(' ');
    const std::string first = line.substr(0, space);
    const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
    if (first == "wall_ms") {
      all.wall_ms = std::stoll(rest);
    } else if (first == "store") {
      store = rest;
    } else {
      all.stores[store].push_back({from_hex(first), from_hex(rest)});
    }
  }
  return all;
}

std::vector<Golden::Item> all_records() {
  std::vector<Golden::Item> records;
  for (const auto& [store, items] : golden().stores) {
    records.insert(records.end(), items.begin(), items.end());
  }
  return records;
}

/// Key and value of a record that was read, as this build writes them.
Golden::Item written(const DecodedRecord& record, bool erased) {
  Golden::Item item;
  const auto key_of = [&](const auto& one) {
    using Record = std::decay_t<decltype(one)>;
    if constexpr (std::is_same_v<Record, InstanceRecord>) {
      encode_key(kDatacenter, one.service, one.id, item.key);
    } else if constexpr (std::is_same_v<Record, SessionRecord>) {
      encode_key(one.id, item.key);
    } else if constexpr (std::is_same_v<Record, OverrideRecord>) {
      encode_override_key(kDatacenter, one.service, one.id, item.key);
    } else if constexpr (std::is_same_v<Record, MarkRecord>) {
      encode_mark_key(item.key);
    } else {
      encode_key(one, item.key);
    }
    if (!erased) encode_value(one, item.value);
  };
  std::visit(key_of, record);
  return item;
}

TEST(Golden, EveryRecordIsReadAndWrittenAsItWas) {
  for (const Golden::Item& item : all_records()) {
    const auto record = decode_record(item.key, item.value);
    ASSERT_TRUE(record.ok()) << testing::PrintToString(item.key);
    const Golden::Item again = written(*record, item.value.empty());
    EXPECT_EQ(again.key, item.key);
    EXPECT_EQ(again.value, item.value) << testing::PrintToString(item.key);
  }
}

/// What the records say, in words: so that a golden file that lacks a form is noticed.
std::set<std::string> forms() {
  std::set<std::string> found;
  for (const Golden::Item& item : all_records()) {
    const auto record = decode_record(item.key, item.value);
    found.insert(fmt::format("{}{}", item.key.front(), item.value.empty() ? " erased" : ""));
    if (const auto* instance = std::get_if<InstanceRecord>(&*record)) {
      found.insert(fmt::format("kind {}", static_cast<int>(instance->kind)));
      found.insert(fmt::format("holder {}", static_cast<int>(instance->body.holder.kind)));
      found.insert(std::string(name_of(instance->cause)));
      if (!instance->body.check.empty()) found.insert("checked");
      if (instance->liveness.ended) found.insert("lapsed");
    } else if (const auto* session = std::get_if<SessionRecord>(&*record)) {
      found.insert(fmt::format("health {}", static_cast<int>(session->liveness.health)));
      if (!session->superseded.empty()) found.insert("superseded");
      if (session->liveness.ended) found.insert("ended");
    } else if (const auto* said = std::get_if<OverrideRecord>(&*record)) {
      found.insert(fmt::format("says {}{}{}", said->set ? "set" : "removed",
                               said->weight ? " weight" : "",
                               said->out_of_service ? " out_of_service" : ""));
    }
  }
  return found;
}

TEST(Golden, AllFormsAreThere) {
  const std::set<std::string> found = forms();
  for (const char* form : {"i",
                           "s",
                           "v",
                           "m",
                           "o",
                           "b",
                           "o erased",
                           "kind 1",
                           "kind 2",
                           "kind 3",
                           "holder 0",
                           "holder 1",
                           "holder 2",
                           "checked",
                           "superseded",
                           "ended",
                           "health 1",
                           "health 2",
                           "health 3",
                           "health 4",
                           "registered",
                           "drained",
                           "deregistered",
                           "says set out_of_service",
                           "says set weight",
                           "says set weight out_of_service",
                           "says removed"}) {
    EXPECT_TRUE(found.contains(form)) << form;
  }
}

/// A registry that takes what the release wrote, and shows what it makes of it.
class Reader {
 public:
  explicit Reader(bool clustered, int64_t wall_ms) : now_{1'000'000, wall_ms} {
    RegistryOptions options;
    options.node = "reader";
    options.clustered = clustered;
    options.boot = 7;
    registry_ = std::make_unique<Registry>(options);
  }

  void step(const Input& input) {
    out_.clear();
    const auto reply = registry_->step(input, now_, out_);
    EXPECT_TRUE(reply.ok()) << (reply.ok() ? "" : reply.error().to_string());
    keep_lists();
  }
  void load(const std::vector<Golden::Item>& items) {
    uint64_t version = 0;
    for (const Golden::Item& item : items) {
      step(MergeRecord{++version, item.key, item.value});
    }
    step(FinishLoading{version});
  }
  /// Joins a bus that is empty, and serves.
  void join() {
    step(FinishLoading{0});
    ReportBus heads;
    for (StreamPosition& head : heads.heads) head.generation = 1;
    step(heads);
    for (int i = 0; i < 100; ++i) advance(100);
    EXPECT_EQ(registry_->phase(), Phase::kServing);
  }
  void advance(int64_t ms) {
    now_.mono_ms += ms;
    now_.wall_ms += ms;
    step(AdvanceTime{});
  }
  /// The bus brings these as another node has published them.
  void bring(const std::vector<Golden::Item>& items) {
    for (const Golden::Item& item : items) {
      if (item.value.empty() || is_private_key(item.key)) continue;
      const auto record = decode_record(item.key, item.value);
      const auto* instance = std::get_if<InstanceRecord>(&*record);
      Stream stream =
          std::holds_alternative<OverrideRecord>(*record) ? Stream::kLasting : Stream::kTied;
      if (instance != nullptr) stream = stream_of(instance->kind, instance->body.holder.kind);
      uint64_t& last = last_[index_of(stream)];
      const BusMessage message{last + 1, item.key, item.value};
      step(ApplyBatch{stream, 1, last, last + 1, {&message, 1}});
      ++last;
    }
  }
  /// What it publishes, by key, when it is given the time.
  std::map<std::string, std::string> published() {
    std::map<std::string, std::string> all;
    for (int i = 0; i < 50; ++i) {
      advance(100);
      Publications due;
      registry_->publish_due(now_, due);
      for (const RecordBatch& batch : due) {
        for (size_t at = 0; at < batch.size(); ++at) {
          const auto item = batch[at];
          all[std::string(item.key)] = item.value;
          step(SettlePublication{item.version, true});
        }
      }
    }
    return all;
  }
  std::map<std::string, std::string> held() const {
    RecordBatch batch;
    Registry::DumpCursor cursor;
    while (!cursor.done()) registry_->dump(cursor, 1'000, batch);
    std::map<std::string, std::string> all;
    for (size_t i = 0; i < batch.size(); ++i) all[std::string(batch[i].key)] = batch[i].value;
    return all;
  }
  /// "o-1 o-2=draining": the list of a service, with each state that is not `up`.
  std::string list(const std::string& service) const {
    const auto found = views_.find(service);
    if (found == views_.end()) return "none";
    std::string text;
    found->second->list.for_each([&](const ListEntry& entry) {
      text += fmt::format("{}{}", text.empty() ? "" : " ", entry.instance().id());
      if (entry.state() != InstanceState::kUp) text += fmt::format("={}", name_of(entry.state()));
      if (entry.instance().weight() != 100) text += fmt::format("({})", entry.instance().weight());
    });
    return text;
  }
  Registry& registry() { return *registry_; }

 private:
  void keep_lists() {
    for (const ServicePublished& change : registry_->publish()) {
      if (change.view) views_[change.view->key.name] = change.view;
    }
  }

  base::Now now_;
  std::unique_ptr<Registry> registry_;
  std::map<std::string, ServiceViewPtr> views_;  ///< before the registry dies
  Outputs out_;
  std::array<uint64_t, kStreamCount> last_{};
};

void expect_lists(const Reader& reader) {
  EXPECT_EQ(reader.list("orders"), "o-1(50) o-2 o-4=draining");
  EXPECT_EQ(reader.list("timed"), "t-1");
  EXPECT_EQ(reader.list("rivals"), "r-1");
  EXPECT_EQ(reader.list("checked"), "c-1=down c-2=down");
  EXPECT_EQ(reader.list("said"), "s-1=out_of_service s-2(7) s-3=out_of_service(0) s-4");
  EXPECT_EQ(reader.list("silent"), "");
  EXPECT_EQ(reader.list("closed"), "");
}

TEST(Golden, AStoreIsLoaded) {
  const Golden all = golden();
  Reader reader(false, all.wall_ms);
  reader.load(all.stores.at("alone"));
  expect_lists(reader);
  EXPECT_EQ(reader.list("lasting"), "l-1 l-3");
}

TEST(Golden, WhatTheBusBringsIsUnderstood) {
  const Golden all = golden();
  Reader reader(true, all.wall_ms);
  reader.join();
  reader.bring(all.stores.at("node-0"));
  expect_lists(reader);
  EXPECT_EQ(reader.list("lasting"), "l-1 l-3");
  EXPECT_EQ(reader.registry().counters().not_understood, 0u);
}

TEST(Golden, WhatALaterReleaseAddsIsPassedOnAsItIs) {
  const Golden all = golden();
  const auto& items = all.stores.at("node-0");
  std::vector<Golden::Item> later;
  std::map<std::string, std::string> sections;  // the last of each key
  for (const Golden::Item& item : items) {
    if (item.value.empty() || is_private_key(item.key)) continue;
    const Stamp stamp{static_cast<uint64_t>(all.wall_ms) << 16, 99};
    const std::string value = with_unknown_section(item.key, item.value, kTagOfALaterRelease, stamp,
                                                   "a fact of a later release");
    ASSERT_EQ(value.substr(0, item.value.size()), item.value);
    sections[item.key] = value.substr(item.value.size());
    ASSERT_FALSE(sections[item.key].empty());
    later.push_back({item.key, value});
  }
  Reader reader(true, all.wall_ms);
  reader.join();
  reader.bring(later);
  expect_lists(reader);
  // A node that had not heard of the section has written the record anew, without it.
  reader.bring(items);
  const auto published = reader.published();
  for (const auto& [key, value] : reader.held()) {
    if (is_private_key(key)) continue;
    ASSERT_TRUE(sections.contains(key));
    EXPECT_TRUE(value.ends_with(sections[key])) << testing::PrintToString(key);
    ASSERT_TRUE(published.contains(key)) << testing::PrintToString(key);
    EXPECT_EQ(published.at(key), value);
    sections.erase(key);
  }
  EXPECT_TRUE(sections.empty()) << "of these nothing is held: " << testing::PrintToString(sections);
}

TEST(Golden, CardsAndBeatsAreRead) {
  const auto cards = lines_of("cards.txt");
  ASSERT_GT(cards.size(), 5u);
  Reader reader(true, golden().wall_ms);
  reader.join();
  for (const std::string& line : cards) {
    const auto card = peer::decode_card(from_hex(line));
    ASSERT_TRUE(card.ok());
    EXPECT_EQ(card->release, "0.1.0");
    const auto beat = decode_beat(card->beat);
    ASSERT_TRUE(beat.ok());
    EXPECT_TRUE(beat->serving);
    EXPECT_EQ(beat->reads, 0u);
    reader.step(HearBeat{card->beat});
  }
  EXPECT_EQ(reader.registry().peers().all().size(), 3u);
  EXPECT_EQ(reader.registry().counters().not_understood, 0u);
}

}  // namespace
}  // namespace callbook::core
