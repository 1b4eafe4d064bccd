// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a file while it is written: removed, or refused by the system at the very end.
#include "trainer/sdk/file.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <iterator>

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

// Of a name that no code page of Windows has.
TEST(AppendFile, HasAnyName) {
  const ScratchDirectory scratch;
  const std::string text = "a\u00e9 \u20ac \u5b66 \U0001F917";
  const auto path = scratch.path() / path_of(text);
  EXPECT_EQ(text_of(path.filename()), text);
  EXPECT_EQ(generic_text_of(path_of("a") / path_of(text)), "a/" + text);
  make_directory(path);
  AppendFile file = AppendFile::create(path / path_of(text));
  file.append("one\n");
  file.truncate(2);
  file.append("\n");
  file.sync();
  EXPECT_EQ(file.size(), 3u);
  file.close();
  EXPECT_EQ(test::contents(path / path_of(text)), "on\n");
  const std::string said = sentence_of([&] { AppendFile::create(path / path_of(text)); });
  EXPECT_EQ(said, text_of(path / path_of(text)) +
                      " could not be opened for writing: File exists; check the path and the disk, or choose another "
                      "directory");
  EXPECT_NE(sentence_of([&] { AppendFile::open(path); }), "");  // a directory
  EXPECT_NE(sentence_of([&] { AppendFile::open(path / "none" / "file"); }).find("No such file"), std::string::npos);
}

TEST(Replacement, ChangesTheFileAtOnceOrNotAtAll) {
  const ScratchDirectory scratch;
  replace_file(scratch / "file", "first\r\n");
  {
    Replacement next(scratch / "file");
    next.append("lost");
  }
  EXPECT_EQ(test::contents(scratch / "file"), "first\r\n");
  Replacement next(scratch / "file");
  next.append("second");
  AppendFile file = next.commit();
  file.append(" and more");
  EXPECT_EQ(test::contents(scratch / "file"), "second and more");  // while it is open
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(scratch.path()), {}), 1);
}

#if !defined(_WIN32)
TEST(Replacement, TakesThePlaceOfNoDevice) {
  const ScratchDirectory scratch;
  std::filesystem::create_symlink("/dev/null", scratch / "null");
  EXPECT_EQ(sentence_of([&] { replace_file(scratch / "null", "text"); }),
            text_of(scratch / "null") + " is not a regular file; name another one");
  EXPECT_TRUE(std::filesystem::is_symlink(scratch / "null"));
}
#endif

#if !defined(_WIN32)  // there a file is not removed while it is open
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

#endif

}  // namespace
}  // namespace trainer::sdk
