#include "sdk/process_id.h"

#include <cstring>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace callbook::sdk {
namespace {

TEST(ProcessId, IsTheSameFromEveryThread) {
  std::set<const std::string*> seen;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const std::string& id = process_id();
      const std::lock_guard<std::mutex> lock(mutex);
      seen.insert(&id);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(seen.size(), 1u);
  EXPECT_EQ(process_id().size(), 32u);
  EXPECT_EQ(process_id().find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(ProcessId, AForkedChildHasItsOwn) {
  std::string own;  // a copy: the reference may go with the process
  own = process_id();
  void* const shared =
      ::mmap(nullptr, 4'096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string& id = process_id();
    std::memcpy(shared, id.data(), id.size());
    ::_exit(id == process_id() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  const std::string its(static_cast<const char*>(shared), 32);
  EXPECT_NE(its, own);
  EXPECT_EQ(its.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(process_id(), own);
  ::munmap(shared, 4'096);
}

}  // namespace
}  // namespace callbook::sdk
