// SPDX-License-Identifier: Apache-2.0
#include "base/directory_lock.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/scratch_directory.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace {

using namespace trainer;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

std::string refusal(const std::filesystem::path& directory) {
  try {
    DirectoryLock::take(directory);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

// What `body` gives in a process that is forked off.
std::string in_a_fork(const std::function<std::string()>& body) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const std::string text = body();
    ::_exit(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string out;
  char piece[1000];
  for (ssize_t n = 0; (n = ::read(ends[0], piece, sizeof piece)) > 0;) out.append(piece, static_cast<std::size_t>(n));
  ::close(ends[0]);
  ::waitpid(pid, nullptr, 0);
  return out;
}

struct DirectoryLockTest : testing::Test {
  test::ScratchDirectory scratch;
  const std::filesystem::path file = scratch / DirectoryLock::file_name;
};

TEST_F(DirectoryLockTest, AnotherProcessIsRefusedAndToldWhoIsThere) {
  auto lock = DirectoryLock::take(scratch.path());
  const auto said = in_a_fork([&] { return refusal(scratch.path()); });
  EXPECT_THAT(said, AllOf(HasSubstr("output_dir " + scratch.path().string() + " is in use by the training of process " +
                                    std::to_string(::getpid()) + " on "),
                          ContainsRegex(" since 20..-..-.. ..:..:.. UTC, expected"), HasSubstr("[directory.in-use]")));
  EXPECT_TRUE(std::filesystem::exists(file));
  lock.reset();
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ(in_a_fork([&] { return refusal(scratch.path()); }), "");
}

TEST_F(DirectoryLockTest, AKilledProcessAndWhatItForkedHoldNothing) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const auto lock = DirectoryLock::take(scratch.path());
    if (::fork() == 0) {  // lives until this test lets go of the pipe
      ::close(ends[1]);
      char byte;
      ::_exit(static_cast<int>(::read(ends[0], &byte, 1)));
    }
    ::raise(SIGKILL);
  }
  ::waitpid(pid, nullptr, 0);
  EXPECT_THAT(test::contents(file), HasSubstr("\"pid\": " + std::to_string(pid)));
  EXPECT_EQ(refusal(scratch.path()), "");
  EXPECT_FALSE(std::filesystem::exists(file));
  ::close(ends[0]), ::close(ends[1]);
}

TEST_F(DirectoryLockTest, OneProcessSharesItButTrainsOnceAtATime) {
  const auto first = DirectoryLock::take(scratch.path());
  const auto second = DirectoryLock::take(scratch.path() / ".");
  EXPECT_EQ(first, second);
  auto training = first->begin_training();
  EXPECT_THROW(second->begin_training(), Error);
  training.reset();
  second->begin_training();
}

TEST_F(DirectoryLockTest, WhateverTheFileHoldsItCanBeTaken) {
  for (const std::string& text :
       {std::string(), std::string(5000, '\0'), std::string("{\"pid\": \"x\"}"),
        "{\"pid\": " + std::to_string(::getppid()) + ", \"host\": \"h\", \"start\": \"s\"}"}) {
    test::write(file, text);
    EXPECT_EQ(refusal(scratch.path()), "");
  }
}

TEST_F(DirectoryLockTest, WhereNothingCanBeLockedItWarnsAndGoesOn) {
  std::filesystem::create_directory(file);
  std::string lines;
  log::set_sink([&](log::Level, std::string_view line) { lines += line; });
  EXPECT_EQ(refusal(scratch.path()), "");
  log::set_sink({});
  EXPECT_THAT(lines, HasSubstr("cannot be locked (Is a directory); see that no other training writes there"));
  EXPECT_TRUE(std::filesystem::exists(file));
}

}  // namespace
