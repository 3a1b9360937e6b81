#include "load/instance_texts.h"

#include "load/measures.h"
#include <gmock/gmock.h>

namespace callbook::load {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kSession = "0123456789abcdef0123456789abcdef";

TEST(InstanceTexts, TheJsonHasTheSizeAskedFor) {
  const std::string line =
      InstanceTexts({InstanceSize::Of::kJson, 200}).batch_line().make({42, 7, kSession});
  const size_t begin = line.find("\"address\"");
  EXPECT_EQ(line.find(",\"session\"") - begin, 200u) << line;
}

TEST(InstanceTexts, TheMetadataHasTheSizeAskedFor) {
  const std::string text =
      InstanceTexts({InstanceSize::Of::kMetadata, 203}).canonical_text().make({42, 7, kSession});
  const size_t begin = text.find("m\t");
  size_t bytes = 0;
  for (const char c : text.substr(begin)) bytes += c != '\t' && c != '\n' ? 1 : 0;
  EXPECT_EQ(bytes - 5, 203u) << text;  // without the five 'm'
}

TEST(InstanceTexts, APutAnnouncesItsBody) {
  const std::string put = InstanceTexts({}).put_request("?ack=logged").make({42, 7, kSession});
  const size_t body = put.size() - put.find("\r\n\r\n") - 4;
  EXPECT_THAT(put,
              HasSubstr("PUT /v1/services/s-00007/instances/i-00000042?ack=logged HTTP/1.1\r\n"));
  EXPECT_THAT(put, HasSubstr("Content-Length: " + std::to_string(body) + "\r\n"));
  EXPECT_THAT(put, HasSubstr("\"session\":\"" + std::string(kSession) + "\"}"));
}

TEST(InstanceTexts, InstancesDifferAndTheSameNumberIsTheSame) {
  const Template text = InstanceTexts({}).canonical_text();
  EXPECT_EQ(text.make({5, 1, kSession}), text.make({5, 2, kSession}));
  const auto values = [&](uint64_t sequence) {
    const std::string all = text.make({sequence, 1, kSession});
    return all.substr(all.find("m\t"));
  };
  EXPECT_NE(values(5), values(6));
  EXPECT_THAT(values(5), Not(HasSubstr("host\txxxxx")));
}

// The numbers come from the specification of XXH64, written once more in Python, as does the rest,
// from docs/formats/digest.md.
TEST(Digest, AgreesWithTheFormat) {
  const uint64_t part = digest_part("o-1\n10.0.0.7\n8080\n\n100\nm\tversion\t1.4\n");
  EXPECT_EQ(digest_text(part), "4FgLEa89ckA");
  EXPECT_EQ(digest_text(0), "AAAAAAAAAAA");
  EXPECT_EQ(digest_text(UINT64_MAX), "__________8");
}

TEST(Percentile, IsTheNearestRank) {
  EXPECT_EQ(percentile({4, 1, 3, 2}, 50), 2);
  EXPECT_EQ(percentile({4, 1, 3, 2}, 99), 4);
  EXPECT_EQ(percentile({7}, 50), 7);
}

}  // namespace
}  // namespace callbook::load
