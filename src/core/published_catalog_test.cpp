#include "core/published_catalog.h"

#include <memory>

#include <gtest/gtest.h>

namespace callbook::core {
namespace {

ServicePublished publish(uint32_t index, const std::string& name, uint64_t version) {
  auto view = std::make_shared<ServiceView>();
  view->index = index;
  view->key = {kDefaultNamespace, name};
  view->version = version;
  return {index, view};
}

class Listener : public Subscriber {
 public:
  void on_changed(uint32_t token) override { log += std::to_string(token); }
  void on_publication() override {
    log += ".";
    if (then) then();
  }
  bool has_seen(uint32_t, uint64_t version) const override { return version <= seen; }
  uint64_t seen = 0;
  std::string log;
  std::function<void()> then;
};

TEST(PublishedCatalog, TellsEachSubscriberOncePerPublication) {
  PublishedCatalog catalog;
  auto both = std::make_unique<Listener>();
  auto one = std::make_unique<Listener>();
  catalog.subscribe({kDefaultNamespace, "a"}, *both);
  catalog.subscribe({kDefaultNamespace, "b"}, *both);
  catalog.subscribe({kDefaultNamespace, "b"}, *one);
  catalog.apply({publish(0, "a", 1), publish(1, "b", 2), publish(2, "c", 3)});
  EXPECT_EQ(both->log, "01.");
  EXPECT_EQ(one->log, "0.");
  catalog.apply({publish(1, "b", 4)});
  EXPECT_EQ(both->log, "01.1.");
  both.reset();
  catalog.apply({publish(1, "b", 5)});
  EXPECT_EQ(one->log, "0.0.0.");
  EXPECT_EQ(catalog.find({kDefaultNamespace, "b"})->version, 5u);
  EXPECT_EQ(catalog.version(), 5u);
}

TEST(PublishedCatalog, CountsThoseWhoHaveNotSeenAVersion) {
  PublishedCatalog catalog;
  Listener quick;
  Listener slow;
  catalog.subscribe({kDefaultNamespace, "a"}, quick);
  catalog.subscribe({kDefaultNamespace, "a"}, slow);
  EXPECT_EQ(catalog.unseen({kDefaultNamespace, "a"}, 5), 0u);  // there is nothing to see
  catalog.apply({publish(0, "a", 5)});
  EXPECT_EQ(catalog.unseen({kDefaultNamespace, "a"}, 5), 2u);
  quick.seen = 5;
  EXPECT_EQ(catalog.unseen({kDefaultNamespace, "a"}, 5), 1u);
  EXPECT_EQ(catalog.unseen({kDefaultNamespace, "b"}, 5), 0u);
  slow.seen = 5;
  EXPECT_EQ(catalog.unseen({kDefaultNamespace, "a"}, 7), 0u);  // 7 changed nothing of it
}

TEST(PublishedCatalog, ASubscriberMayEndOthersAndItself) {
  PublishedCatalog catalog;
  std::vector<std::unique_ptr<Listener>> listeners;
  for (int i = 0; i < 5; ++i) {
    listeners.push_back(std::make_unique<Listener>());
    catalog.subscribe({kDefaultNamespace, "a"}, *listeners.back());
  }
  listeners[1]->then = [&] {
    listeners[3].reset();
    listeners[0].reset();
    listeners[1].reset();
  };
  catalog.apply({publish(0, "a", 1)});
  EXPECT_EQ(listeners[2]->log, "0.");
  EXPECT_EQ(listeners[4]->log, "0.");
  EXPECT_EQ(catalog.subscriptions(), 2u);
}

TEST(PublishedCatalog, AForgottenServiceMakesRoomForAnother) {
  PublishedCatalog catalog;
  catalog.apply({publish(0, "a", 1)});
  catalog.apply({{0, nullptr}, publish(0, "b", 2)});
  EXPECT_EQ(catalog.find({kDefaultNamespace, "a"}), nullptr);
  EXPECT_EQ(catalog.find({kDefaultNamespace, "b"})->version, 2u);
}

}  // namespace
}  // namespace callbook::core
