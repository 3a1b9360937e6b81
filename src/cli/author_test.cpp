#include "cli/author.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace callbook::cli {
namespace {

TEST(Author, IsThePersonWhereOneIsKnown) {
  EXPECT_EQ(author_of({1000, "alice", "", "host-7"}), "alice");
  EXPECT_EQ(author_of({0, "root", "", "host-7"}), "root");
  EXPECT_EQ(author_of({0, "root", "alice", "host-7"}), "alice");
  EXPECT_EQ(author_of({1000, "alice", "root", "host-7"}), "alice") << "not root's to say";
}

TEST(Author, IsTheNumberAndTheHostOtherwise) {
  EXPECT_EQ(author_of({12345, std::nullopt, "", "host-7"}), "uid-12345@host-7");
  EXPECT_EQ(author_of({0, std::nullopt, "", "host-7"}), "uid-0@host-7");
}

TEST(Author, NeedsNoEnvironment) {
  for (const char* name : {"USER", "LOGNAME", "SUDO_USER"}) ::unsetenv(name);
  EXPECT_NE(author_name(), "");
}

}  // namespace
}  // namespace callbook::cli
