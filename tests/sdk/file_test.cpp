// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a file while it is written: removed, or refused by the system at the very end.
#include "trainer/sdk/file.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "support/scratch_directory.hpp"

namespace trainer::sdk {
namespace {

using test::ScratchDirectory;

std::string sentence_of(const std::function<void()>& call) {
  try {
    call();
    return "";
  } catch (const FileError& error) {
    return error.what();
  }
}

TEST(AppendFile, SaysThatItWasRemoved) {
  const ScratchDirectory scratch;
  AppendFile file = AppendFile::open(scratch / "file");
  file.append("one\n");
  std::filesystem::rename(scratch / "file", scratch / "moved");
  file.append("two\n");  // which lies there
  EXPECT_EQ(test::contents(scratch / "moved"), "one\ntwo\n");
  std::filesystem::remove(scratch / "moved");
  const std::string said = sentence_of([&] { file.append("three\n"); });
  EXPECT_NE(said.find("file was removed while it was written; "), std::string::npos) << said;
  EXPECT_NE(sentence_of([&] { file.require_name(); }), "");
  test::write(scratch / "file", "");  // another one of that name is not it
  EXPECT_NE(sentence_of([&] { file.append("four\n"); }), "");
}

// The descriptor of the next file that is opened, so that it can be taken away.
int next_descriptor() {
  const int fd = ::dup(0);
  ::close(fd);
  return fd;
}

TEST(AppendFile, SaysWhatTheSystemSaysLast) {
  const ScratchDirectory scratch;
  const int fd = next_descriptor();
  AppendFile file = AppendFile::open(scratch / "file");
  file.append("one\n");
  file.flush();
  file.sync();
  ASSERT_EQ(::close(fd), 0);
  EXPECT_NE(sentence_of([&] { file.flush(); }).find("could not be written to its end"), std::string::npos);
  EXPECT_NE(sentence_of([&] { file.close(); }).find("could not be written to its end"), std::string::npos);
  EXPECT_FALSE(file.is_open());
  file.close();  // nothing is left to close
}

}  // namespace
}  // namespace trainer::sdk
