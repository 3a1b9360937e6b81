#include "sdk/registry_lookup.h"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

namespace callbook::sdk {
namespace {

double in_order() {
  return 0.999;
}

/// A file that goes with the test.
class RegistryFile {
 public:
  RegistryFile() {
    const int descriptor = ::mkstemp(path_.data());
    EXPECT_GE(descriptor, 0);
    ::close(descriptor);
  }
  ~RegistryFile() { ::unlink(path_.c_str()); }
  RegistryFile(const RegistryFile&) = delete;
  RegistryFile& operator=(const RegistryFile&) = delete;

  void write(const std::string& text) const { std::ofstream(path_) << text; }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = ::testing::TempDir() + "registries-XXXXXX";
};

RegistryPlace place(const std::string& text) {
  const auto read = parse_registry_place(text);
  EXPECT_TRUE(read.ok()) << text;
  return *read;
}

TEST(RegistryLookup, AFileIsReadAgainWhenAllHaveFailed) {
  const RegistryFile file;
  file.write("a:1\n");
  net::EventLoop loop;
  const auto pool = make_registry_pool(loop, place("file:" + file.path()), in_order);
  ASSERT_NE(pool->current(), nullptr);
  EXPECT_EQ(pool->current()->to_string(), "a:1");
  file.write("b:2\n");
  pool->failed({"a", 1}, {});
  EXPECT_EQ(pool->current()->to_string(), "b:2");
}

TEST(RegistryLookup, NamesTheFileThatIsNotThere) {
  net::EventLoop loop;
  const auto pool = make_registry_pool(loop, place("file:/nowhere/registries"), in_order);
  EXPECT_EQ(pool->current(), nullptr);
  EXPECT_EQ(pool->nobody().detail,
            "file:/nowhere/registries: /nowhere/registries: No such file or directory");
}

TEST(RegistryLookup, EachAddressOfANameIsARegistry) {
  net::EventLoop loop;
  const auto pool = make_registry_pool(loop, place("dns:127.0.0.1:7171"), in_order);
  EXPECT_TRUE(pool->is_waiting());
  const auto listener = std::make_shared<std::function<void()>>([&loop] { loop.stop(); });
  pool->when_looked_up(listener);
  loop.run();
  ASSERT_NE(pool->current(), nullptr);
  EXPECT_EQ(pool->current()->to_string(), "127.0.0.1:7171");
}

TEST(RegistryLookup, APoolMayGoWhileItsNameIsAsked) {
  net::EventLoop loop;
  make_registry_pool(loop, place("dns:localhost"), in_order).reset();
  loop.post([&loop] { loop.stop(); });
  loop.run();
}

}  // namespace
}  // namespace callbook::sdk
