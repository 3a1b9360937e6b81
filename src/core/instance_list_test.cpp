#include "core/instance_list.h"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace callbook::core {
namespace {

class InstanceLists : public testing::Test {
 protected:
  const Instance* make(const std::string& id) {
    RegistrationView body;
    body.address = "10.0.0.1";
    std::string packed;
    pack_body(body, interner_, packed);
    owned_.push_back(Instance::make(id, body, body.weight, packed));
    return owned_.back().get();
  }

  static std::vector<std::string> ids(const InstanceList& list) {
    std::vector<std::string> all;
    list.for_each([&](const ListEntry& entry) { all.emplace_back(entry.id()); });
    return all;
  }

  Interner interner_;
  std::vector<Instance::Ptr> owned_;
};

TEST_F(InstanceLists, AgreeWithAMapUnderRandomChanges) {
  std::mt19937 random(7);
  MutableInstanceList list;
  std::map<std::string, const Instance*> model;
  for (int step = 0; step < 20'000; ++step) {
    const std::string id = "i-" + std::to_string(random() % 900);
    if (random() % 3 != 0) {
      const Instance* added = make(id);
      const auto before = model.find(id);
      const auto replaced = list.put(ListEntry(added, InstanceState::kUp));
      ASSERT_EQ(replaced.has_value(), before != model.end());
      if (replaced) {
        EXPECT_EQ(&replaced->instance(), before->second);
      }
      model[id] = added;
    } else {
      const auto before = model.find(id);
      const auto removed = list.erase(id);
      ASSERT_EQ(removed.has_value(), before != model.end());
      if (removed) {
        EXPECT_EQ(&removed->instance(), before->second);
      }
      model.erase(id);
    }
    if (random() % 50 == 0) static_cast<void>(list.share());
    ASSERT_EQ(list.size(), model.size());
  }
  std::vector<std::string> expected;
  for (const auto& [id, instance] : model) {
    expected.push_back(id);
    ASSERT_NE(list.find(id), nullptr);
    EXPECT_EQ(&list.find(id)->instance(), instance);
  }
  EXPECT_EQ(ids(list), expected);
  EXPECT_EQ(list.find("nobody"), nullptr);
}

TEST_F(InstanceLists, ASharedVersionDoesNotChangeWithTheOriginal) {
  MutableInstanceList list;
  for (int i = 0; i < 500; ++i)
    list.put(ListEntry(make("i-" + std::to_string(1000 + i)), InstanceState::kUp));
  const InstanceList before = list.share();
  const auto ids_before = ids(before);
  for (int i = 0; i < 500; i += 2) list.erase("i-" + std::to_string(1000 + i));
  for (int i = 0; i < 500; ++i)
    list.put(ListEntry(make("j-" + std::to_string(i)), InstanceState::kUp));
  EXPECT_EQ(ids(before), ids_before);
  EXPECT_EQ(before.size(), 500u);
  EXPECT_EQ(list.size(), 750u);
}

TEST_F(InstanceLists, GoOnAfterAnIdWhetherItIsThereOrNot) {
  MutableInstanceList list;
  for (int i = 0; i < 400; i += 2)
    list.put(ListEntry(make("i-" + std::to_string(1000 + i)), InstanceState::kUp));
  for (const std::string after : {"i-1101", "i-1100"}) {
    std::string first;
    EXPECT_FALSE(list.visit_after(after, [&](const ListEntry& entry) {
      first = entry.id();
      return false;
    }));
    EXPECT_EQ(first, "i-1102");
  }
  EXPECT_TRUE(list.visit_after("i-1398", [](const ListEntry&) { return false; }))
      << "nothing is after the last";
}

}  // namespace
}  // namespace callbook::core
