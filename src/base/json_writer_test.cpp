#include "base/json_writer.h"

#include <gtest/gtest.h>

namespace callbook::base {
namespace {

TEST(JsonWriter, PlacesCommasAndNesting) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("a", 1).key("b").begin_array().value("x").value(true).end_array();
  json.key("c")
      .begin_object()
      .end_object()
      .field("d", uint64_t{18446744073709551615u})
      .end_object();
  EXPECT_EQ(out, R"({"a":1,"b":["x",true],"c":{},"d":18446744073709551615})");
}

TEST(JsonWriter, EscapesWhatJsonForbids) {
  std::string out;
  append_json_string(out, std::string_view("q\" b\\ n\n t\t z\0 \x1f \xc3\xa9", 19));
  EXPECT_EQ(out, "\"q\\\" b\\\\ n\\n t\\t z\\u0000 \\u001f \xc3\xa9\"");
}

}  // namespace
}  // namespace callbook::base
