#include "cli/list_text.h"

#include <gtest/gtest.h>

#include "cli/status_text.h"

namespace callbook::cli {
namespace {

const sdk::Instance kPlain{"o-1", "10.0.0.7", 8080, {}, "", 100, {}, "up"};
const sdk::Instance kFull{"o-22",   "::1", 0, {{"grpc", 9090}}, "a", 5, {{"v", "1"}, {"w", ""}},
                          "suspect"};

TEST(ListText, AlignsColumnsByWhatIsSeen) {
  EXPECT_EQ(table_text({{"A", "B"}, {"\xc3\xbc\xc3\xbc", "x"}, {"abc", "y"}}),
            "A    B\n\xc3\xbc\xc3\xbc   x\nabc  y\n");
  EXPECT_EQ(table_text({}), "");
}

TEST(ListText, ShowsInstancesAsATable) {
  EXPECT_EQ(instances_text({kPlain, kFull}),
            "ID    ADDRESS   PORT       ZONE  WEIGHT  STATE    METADATA\n"
            "o-1   10.0.0.7  8080       -     100     up       -\n"
            "o-22  ::1       grpc=9090  a     5       suspect  v=1,w=\n");
}

TEST(ListText, ShowsAnInstanceOnALine) {
  EXPECT_EQ(instance_line(kPlain), "o-1 10.0.0.7:8080");
  EXPECT_EQ(instance_line(kFull), "o-22 [::1] grpc:9090 zone=a weight=5 suspect");
}

TEST(ListText, SaysWhyAListIsEmpty) {
  EXPECT_EQ(emptiness_text("s", std::nullopt), "no instance of s");
  EXPECT_EQ(emptiness_text("s", sdk::Emptiness{"never_registered", {}}),
            "s has never been registered");
  EXPECT_EQ(emptiness_text("s", sdk::Emptiness{"all_left", {{"drained", 1}, {"x", 2}}}),
            "all instances of s have left: 1 drained, 2 x");
  EXPECT_EQ(emptiness_text("s", sdk::Emptiness{"newer", {}}), "s is empty (newer)");
}

TEST(ListText, WritesInstancesAsTheApiDoes) {
  const auto json_of = [](const sdk::Instance& instance) {
    std::string text;
    base::JsonWriter json(text);
    write_instance(json, instance);
    return text;
  };
  EXPECT_EQ(json_of(kPlain), R"({"id":"o-1","address":"10.0.0.7","port":8080})");
  EXPECT_EQ(json_of(kFull),
            R"({"id":"o-22","address":"::1","ports":{"grpc":9090},"zone":"a","weight":5,)"
            R"("metadata":{"v":"1","w":""},"state":"suspect"})");
}

TEST(StatusText, FlattensWhateverTheNodeSays) {
  const auto text = status_text(R"({"node":"n1","store":{"state":"ok","bytes":7},"list":[1,"a"]})");
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(text.value(),
            "node         n1\nstore.state  ok\nstore.bytes  7\nlist         [1,\"a\"]\n");
  EXPECT_FALSE(status_text("[]").ok());
  EXPECT_FALSE(status_text("{").ok());
}

TEST(ListText, APlaceWithoutAPortIsTheAddressAlone) {
  sdk::Instance instance;
  instance.address = "10.0.0.7";
  EXPECT_EQ(place_of(instance), "10.0.0.7");
  instance.port = 8080;
  EXPECT_EQ(place_of(instance), "10.0.0.7:8080");
  instance.address = "::1";
  EXPECT_EQ(place_of(instance), "[::1]:8080");
}

}  // namespace
}  // namespace callbook::cli
