#include "node/folder_name.h"

#include <gtest/gtest.h>

#include "store/memory_file_system.h"

namespace callbook::node {
namespace {

TEST(FolderName, IsRememberedAndReplaced) {
  store::MemoryFileSystem files;
  ASSERT_TRUE(files.create_directories("d").ok());
  EXPECT_EQ(folder_name(files, "d"), "");
  ASSERT_TRUE(remember_folder_name(files, "d", "reg-1").ok());
  EXPECT_EQ(folder_name(files, "d"), "reg-1");
  ASSERT_TRUE(remember_folder_name(files, "d", "reg-2").ok());
  EXPECT_EQ(folder_name(files, "d"), "reg-2");
}

TEST(FolderName, WhatIsNoNameIsNoName) {
  store::MemoryFileSystem files;
  ASSERT_TRUE(files.create_directories("d").ok());
  auto file = files.open_append("d/NODE", true);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->append("no name\nat all\n").ok());
  EXPECT_EQ(folder_name(files, "d"), "");
}

TEST(FolderName, ADiskThatRefusesLeavesTheOldOne) {
  store::MemoryFileSystem files;
  ASSERT_TRUE(files.create_directories("d").ok());
  ASSERT_TRUE(remember_folder_name(files, "d", "reg-1").ok());
  files.fail_append(1, 0);
  EXPECT_FALSE(remember_folder_name(files, "d", "reg-2").ok());
  EXPECT_EQ(folder_name(files, "d"), "reg-1");
}

}  // namespace
}  // namespace callbook::node
