// SPDX-License-Identifier: Apache-2.0
//
// What base does by Windows' own calls. Its names have letters that no code page has together.
#include "base/windows.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "base/child_process.hpp"
#include "base/directory_lock.hpp"
#include "base/process.hpp"
#include "base/sha256.hpp"
#include "support/error_of.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"

namespace {

using namespace trainer;
using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

const std::string letters = "tr\xc3\xa1iner \xe2\x82\xac \xe5\xad\xa6 \xf0\x9f\x98\x80";

struct WindowsTest : testing::Test {
  std::vector<std::wstring> names() const {
    std::vector<std::wstring> out;
    for (const auto& entry : fs::directory_iterator(scratch.path())) out.push_back(entry.path().filename().native());
    return out;
  }
  test::ScratchDirectory scratch;
};

TEST_F(WindowsTest, TextsOfPathsAreUtf8) {
  EXPECT_EQ(windows::narrow(windows::wide(letters)), letters);
  const fs::path path = letters;
  EXPECT_EQ(path.native(), windows::wide(letters));
  EXPECT_EQ(path.string(), letters);
  test::write(scratch.path() / letters, "here");
  EXPECT_EQ(read_file(scratch.path() / windows::wide(letters)), "here");
  EXPECT_THAT(names(), ElementsAre(windows::wide(letters)));
}

TEST_F(WindowsTest, VariablesAreUtf8) {
  ::SetEnvironmentVariableW(L"TRAINER_WINDOWS_TEST", windows::wide(letters).c_str());
  EXPECT_EQ(windows::variable(L"TRAINER_WINDOWS_TEST"), letters);
  EXPECT_EQ(windows::variable(L"TRAINER_WINDOWS_TEST_NONE"), "");
}

TEST_F(WindowsTest, AFileIsReplacedWhileItIsRead) {
  const auto file = scratch.path() / letters;
  replace_file(file, "before");
  const auto reader = windows::open_to_read(file);
  replace_file(scratch.path() / L"other", "after");
  EXPECT_EQ(read_file(file), "before");
  EXPECT_EQ(read_file(scratch.path() / L"other"), "after");
  EXPECT_THAT(error_of([&] { read_file(scratch.path()); }), HasSubstr("is not a regular file"));
  EXPECT_THAT(error_of([&] { read_file(scratch.path() / L"none"); }), HasSubstr("could not be opened: "));
}

TEST_F(WindowsTest, ADirectoryTakesTheOthersPlace) {
  for (const auto* name : {L"from", L"to"}) {
    fs::create_directory(scratch.path() / name);
    test::write(scratch.path() / name / "which", fs::path(name).string());
  }
  replace_directory(scratch.path() / L"from", scratch.path() / L"to");
  EXPECT_THAT(names(), ElementsAre(L"to"));
  EXPECT_EQ(read_file(scratch.path() / L"to" / L"which"), "from");
}

TEST_F(WindowsTest, AResultIsWrittenBesideAndThenRenamed) {
  const auto file = scratch.path() / letters;
  ResultFile(file, "--output").write("one");
  ResultFile(file, "--output").write("two");
  EXPECT_EQ(read_file(file), "two");
  EXPECT_THAT(names(), testing::SizeIs(1));
  EXPECT_THAT(error_of([&] { ResultFile(file, "--output", {file}); }), HasSubstr("which is read"));
}

TEST_F(WindowsTest, TheLockOfADirectoryIsFoundAndGoes) {
  auto lock = DirectoryLock::take(scratch.path());
  EXPECT_EQ(DirectoryLock::take(scratch.path()), lock);
  EXPECT_EQ(DirectoryLock::holder(scratch.path()), "");  // this process's own
  EXPECT_THAT(read_file(scratch.path() / DirectoryLock::file_name),
              HasSubstr("\"pid\": " + std::to_string(process_id()) + ","));
  const auto training = lock->begin_training();
  EXPECT_THAT(error_of([&] { lock->begin_training(); }), HasSubstr("[directory.in-use]"));
}

TEST_F(WindowsTest, TheLockOfAnotherIsRefused) {
  { const auto lock = DirectoryLock::take(scratch.path()); }
  EXPECT_THAT(names(), testing::IsEmpty());
  const auto file = scratch.path() / DirectoryLock::file_name;
  test::write(file, "{\"pid\": 4, \"host\": \"elsewhere\", \"start\": \"then\"}\n");
  const windows::Handle other(::CreateFileW(file.c_str(), GENERIC_READ | GENERIC_WRITE,
                                            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                            OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr));
  OVERLAPPED at{};
  at.OffsetHigh = 1u << 30;
  ASSERT_TRUE(::LockFileEx(other.get(), LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at));
  EXPECT_EQ(DirectoryLock::holder(scratch.path()), "the training of process 4 on elsewhere since then");
  EXPECT_THAT(error_of([&] { DirectoryLock::take(scratch.path()); }),
              HasSubstr("is in use by the training of process 4 on elsewhere since then"));
}

TEST_F(WindowsTest, ADigestIsThatOfEverySystem) {
  Sha256 digest;
  digest.add("a");
  digest.add("bc");
  EXPECT_EQ(digest.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(WindowsTest, AChildsEndAndWhatItPrintsAreKept) {
  const std::string cmd = windows::variable(L"COMSPEC");
  const auto printed = scratch.path() / letters;
  const auto end = run_child({.command = {cmd, "/c", "echo said& exit 3"}, .printed = printed, .limit_s = 60});
  EXPECT_EQ(end.ending, "exit status 3");
  EXPECT_FALSE(end.good);
  EXPECT_EQ(end.record, "");
  EXPECT_THAT(read_file(printed), HasSubstr("said"));
  EXPECT_THAT(error_of([&] { run_child({.command = {(scratch.path() / L"none.exe").string()}}); }),
              HasSubstr("could not be started: "));
}

TEST_F(WindowsTest, AChildThatHangsIsEnded) {
  const std::string cmd = windows::variable(L"COMSPEC");
  const auto end = run_child({.command = {cmd, "/c", "for /L %i in (0,0,1) do @rem"}, .limit_s = 0.2});
  EXPECT_TRUE(end.killed);
  EXPECT_LT(end.seconds, 20);
}

}  // namespace
