#include "probe/grpc_health.h"

#include <string>

#include <gtest/gtest.h>

namespace callbook::probe {
namespace {

/// A frame around `message`.
std::string framed(std::string_view message, char compressed = '\0') {
  std::string out(1, compressed);
  out.append(3, '\0');
  out.push_back(static_cast<char>(message.size()));
  return out.append(message);
}

TEST(GrpcHealth, ARequestNamesItsService) {
  EXPECT_EQ(encode_health_request(""), std::string(5, '\0'));
  EXPECT_EQ(encode_health_request("orders"), framed("\x0A\x06orders"));
  const std::string long_name(300, 's');
  const std::string request = encode_health_request(long_name);
  EXPECT_EQ(request.substr(0, 8), std::string("\0\0\0\x01\x2F\x0A\xAC\x02", 8));
  EXPECT_EQ(request.substr(8), long_name);
}

TEST(GrpcHealth, AResponseIsItsStatus) {
  EXPECT_EQ(decode_health_response(framed("\x08\x01")), ServingStatus::kServing);
  EXPECT_EQ(decode_health_response(framed("\x08\x02")), ServingStatus::kNotServing);
  EXPECT_EQ(decode_health_response(framed("\x08\x03")), ServingStatus::kServiceUnknown);
  EXPECT_EQ(decode_health_response(framed("")), ServingStatus::kUnknown);
  EXPECT_EQ(decode_health_response(framed("\x08\x02\x08\x01")), ServingStatus::kServing);
}

TEST(GrpcHealth, FieldsThatAreNotKnownArePassedOver) {
  const std::string varint = "\x10\x96\x01";
  const std::string fixed64 = "\x19" "12345678";
  const std::string text = "\x22\x03" "abc";
  const std::string fixed32 = "\x2D" "1234";
  const std::string other_type_of_status = std::string("\x0A\x02", 2) + "ab";
  EXPECT_EQ(decode_health_response(framed(varint + fixed64 + text + fixed32 +
                                          other_type_of_status + "\x08\x01")),
            ServingStatus::kServing);
}

TEST(GrpcHealth, WhatIsNoResponseIsNone) {
  for (const std::string& bytes : {
           std::string(),
           std::string("\0\0\0\0", 4),
           framed("\x08\x01", '\x01'),                // compressed
           framed("\x08\x01") + "x",                  // more behind it
           std::string("\0\0\0\0\x03\x08\x01", 7),    // cut
           framed("\x08\x04"),                        // no such status
           framed("\x08"),                            // no value
           framed("\x08\x81"),                        // a value without end
           framed("\x0A\x05" "abc"),                  // longer than the message
           framed("\x19" "1234567"),                  // cut
           framed("\x2D" "123"),                      // cut
           framed("\x0B"),                            // a group
           framed(std::string("\x00\x01", 2)),        // field 0
           framed("\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),  // over ten bytes
       }) {
    EXPECT_EQ(decode_health_response(bytes), std::nullopt) << bytes.size();
  }
}

TEST(GrpcHealth, CodesHaveNames) {
  EXPECT_EQ(name_of_code(5), "NOT_FOUND");
  EXPECT_EQ(name_of_code(16), "UNAUTHENTICATED");
  EXPECT_EQ(name_of_code(17), "");
  EXPECT_EQ(name_of(ServingStatus::kNotServing), "NOT_SERVING");
}

}  // namespace
}  // namespace callbook::probe
