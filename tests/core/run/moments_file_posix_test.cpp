// SPDX-License-Identifier: Apache-2.0
//
// What a process leaves that ends without a word. Each case has processes of its own, as the moments are the process's.
#include "run/moments_file.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "border/plugin_call.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/crash_report.hpp"

using namespace trainer;

namespace {

// The status of a process that does this.
template <typename F>
int in_process(F&& f) {
  const pid_t child = ::fork();
  if (child == 0) {
    f();
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return status;
}

TEST(MomentsFile, TellsTheNextProcessWhatWasUnderWay) {
  const test::ScratchDirectory directory;
  EXPECT_EQ(in_process([&] {
              EXPECT_FALSE(moments_file::keep_in(directory.path()));
              AskedFor asked(moment(), TRAINER_ON_SAVE);
              asked.is(known_name("mine"));
              asked.at(12);
              ::_exit(0);
            }),
            0);
  EXPECT_EQ(in_process([&] {
              const auto last = moments_file::keep_in(directory.path());
              ASSERT_TRUE(last);
              EXPECT_EQ(last->callback, "mine");
              EXPECT_EQ(last->call, "on_save");
              EXPECT_EQ(last->step, 12);
            }),
            0);
  EXPECT_EQ(in_process([&] {
              EXPECT_FALSE(moments_file::keep_in(directory.path())) << "no call was under way";
              moments_file::remove();
            }),
            0);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(MomentsFile, BlamesNobodyWithAProcessOfItsOwn) {
  const test::ScratchDirectory directory;
  EXPECT_EQ(in_process([&] {
              EXPECT_FALSE(moments_file::keep_in(directory.path()));
              AskedFor asked(moment(), TRAINER_ON_LOG);
              asked.is(known_name("mine", true));
              EXPECT_NE(known_name("mine", true), known_name("mine"));
              ::_exit(0);
            }),
            0);
  EXPECT_EQ(in_process([&] { EXPECT_FALSE(moments_file::keep_in(directory.path())); }), 0);
}

TEST(MomentsFile, BelongsToTheProcessThatHasIt) {
  const test::ScratchDirectory first, second;
  EXPECT_EQ(in_process([&] {
              moments_file::keep_in(first.path());
              AskedFor asked(moment(), TRAINER_ON_LOG);
              asked.is(known_name("mine"));
              // One that is forked off has moments of its own from then on, and gets no file of a living process.
              EXPECT_EQ(in_process([&] {
                          asked.is(known_name("the child's"));
                          EXPECT_FALSE(moments_file::keep_in(first.path()));
                          moments_file::remove();
                        }),
                        0);
              EXPECT_EQ(moments.name_of(moment().callback), "mine");
              EXPECT_TRUE(std::filesystem::exists(first.path() / moments_file::file_name));
              moments_file::keep_in(second.path());
              EXPECT_TRUE(std::filesystem::is_empty(first.path())) << "it goes along to another directory";
              EXPECT_EQ(moments.name_of(moment().callback), "mine");
            }),
            0);
}

TEST(MomentsFile, WhatHappensToItHurtsNobody) {
  const test::ScratchDirectory directory;
  EXPECT_EQ(in_process([&] {
              crash_report::install();
              crash_report::set_directory(directory.path());
              std::filesystem::resize_file(directory.path() / moments_file::file_name, 0);
              AskedFor asked(moment(), TRAINER_ON_LOG);  // there is no memory behind it any more
              asked.is(known_name("mine"));
              EXPECT_NE(moment().callback, 0u);
            }),
            0);
  test::write(directory / moments_file::file_name, std::string(16384, 'x'));
  EXPECT_EQ(in_process([&] { EXPECT_FALSE(moments_file::keep_in(directory.path())); }), 0);
  EXPECT_EQ(in_process([&] { EXPECT_FALSE(moments_file::keep_in(directory / "nothing")); }), 0);
}

}  // namespace
