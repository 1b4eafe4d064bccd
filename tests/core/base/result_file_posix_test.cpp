// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "support/scratch_directory.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"

namespace {

using namespace trainer;
using testing::HasSubstr;
using testing::UnorderedElementsAre;
namespace fs = std::filesystem;

struct ResultFileTest : testing::Test {
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(scratch.path())) out.push_back(entry.path().filename());
    return out;
  }
  std::string refusal(const fs::path& path, const std::vector<fs::path>& inputs = {}) {
    try {
      ResultFile(path, "--output", inputs);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::usage);
      return e.sentence();
    }
    return "";
  }
  test::ScratchDirectory scratch;
  const fs::path file = scratch / "out.csv";
};

TEST_F(ResultFileTest, AFileIsReplacedAndKeepsItsMode) {
  ResultFile(file, "--output").write("new");
  ::chmod(file.c_str(), 0640);
  ResultFile(file, "--output").write("newer");
  struct stat info {};
  ::stat(file.c_str(), &info);
  EXPECT_EQ(test::contents(file), "newer");
  EXPECT_EQ(info.st_mode & 07777, 0640u);
  EXPECT_THAT(names(), UnorderedElementsAre("out.csv"));
}

TEST_F(ResultFileTest, TheTargetOfALinkIsWrittenThereOrNot) {
  fs::create_directory(scratch / "elsewhere");
  fs::create_symlink("elsewhere/target", scratch / "middle");
  fs::create_symlink("middle", file);
  for (const std::string& text : {std::string("first"), std::string("second")}) {
    ResultFile(file, "--output").write(text);
    EXPECT_TRUE(fs::is_symlink(file) && fs::is_symlink(scratch / "middle"));
    EXPECT_EQ(test::contents(scratch / "elsewhere" / "target"), text);
  }
}

TEST_F(ResultFileTest, LinksThatLeadNowhereStay) {
  fs::create_symlink("out.csv", file);
  EXPECT_THROW(ResultFile(file, "--output").write("text"), Error);
  EXPECT_TRUE(fs::is_symlink(file));
  fs::create_symlink("no/file", scratch / "link");
  EXPECT_THAT(refusal(scratch / "link"), HasSubstr("is in no directory that is there"));
}

TEST_F(ResultFileTest, ANamedPipeAndADeviceAreWrittenTo) {
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  std::string read;
  std::thread reader([&] { read = test::contents(file); });
  ResultFile(file, "--output").write("through the pipe");
  reader.join();
  EXPECT_EQ(read, "through the pipe");
  EXPECT_TRUE(fs::is_fifo(file));
  ResultFile("/dev/null", "--output").write("away");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_THROW(ResultFile("/dev/full", "--output").write("no room"), Error);
}

TEST_F(ResultFileTest, OtherNamesOfAFileSeeWhatIsWritten) {
  test::write(file, "a longer text than the new one");
  fs::create_hard_link(file, scratch / "other");
  ResultFile(file, "--output").write("new");
  EXPECT_EQ(test::contents(scratch / "other"), "new");
}

TEST_F(ResultFileTest, WhatStdoutGoesToIsWrittenInItsPlace) {
  const int kept = ::dup(STDOUT_FILENO), out = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  std::fflush(stdout);
  ::dup2(out, STDOUT_FILENO);
  std::fputs("before, ", stdout);
  ResultFile("/dev/stdout", "--output").write("between");
  std::fputs(", after", stdout);
  std::fflush(stdout);
  ::dup2(kept, STDOUT_FILENO);
  ::close(kept), ::close(out);
  EXPECT_EQ(test::contents(file), "before, between, after");
}

TEST_F(ResultFileTest, WhatIsReadIsRefusedUnderAnyName) {
  test::write(scratch / "in.csv", "kept");
  fs::create_symlink("in.csv", scratch / "link");
  fs::create_hard_link(scratch / "in.csv", scratch / "hard");
  for (const char* name : {"in.csv", "link", "hard"})
    EXPECT_THAT(refusal(scratch / name, {"missing", scratch / "in.csv"}),
                HasSubstr("which is read, and would be lost"));
  EXPECT_THAT(refusal(scratch / "link", {scratch.path()}), HasSubstr("which is read"));
  EXPECT_THAT(refusal(scratch.path()), HasSubstr("is a directory"));
  EXPECT_THAT(refusal(scratch / "no" / "file"), HasSubstr("is in no directory that is there"));
  EXPECT_THAT(refusal(""), HasSubstr("names no file"));
  EXPECT_EQ(refusal(file, {scratch / "in.csv", ""}), "");
}

TEST_F(ResultFileTest, AFileOfTheTemporaryNameIsSomebodyElses) {
  test::write(scratch / "out.csv.tmp", "kept");
  ResultFile(file, "--output").write("new");
  EXPECT_EQ(test::contents(scratch / "out.csv.tmp"), "kept");
  EXPECT_THAT(names(), UnorderedElementsAre("out.csv", "out.csv.tmp"));
}

}  // namespace
