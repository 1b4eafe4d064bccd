// SPDX-License-Identifier: Apache-2.0
#include "base/child_process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

using namespace trainer;

namespace {

constexpr double plenty_s = 60, short_s = 0.2;

std::string command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What the function does instead of an answer; how the end is told.
std::string ending_of(const std::function<void()>& work, double limit_s = plenty_s) {
  const ChildEnd end = run_copy(
      [&] {
        work();
        return std::string("answer");
      },
      limit_s);
  EXPECT_FALSE(end.good && end.record == "answer");
  EXPECT_LT(end.seconds, limit_s + 5);
  return end.killed ? "killed" : end.ending;
}

TEST(RunCopy, GivesTheAnswerAndLooksLikeThisProcess) {
  ::setenv("CHILD_PROCESS_TEST", "set", 1);
  const auto end = run_copy([] { return command_line() + std::getenv("CHILD_PROCESS_TEST"); }, plenty_s);
  EXPECT_TRUE(end.good);
  EXPECT_EQ(end.record, command_line() + "set");
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // nothing is left of it
}

TEST(RunCopy, TellsHowItEndsInstead) {
  EXPECT_EQ(ending_of([] { std::exit(3); }), "exit status 3");
  EXPECT_EQ(ending_of([] { ::_exit(0); }), "exit status 0");
  EXPECT_EQ(ending_of([] { std::abort(); }).substr(0, 8), "signal 6");
  EXPECT_EQ(ending_of([] { throw 5; }).substr(0, 8), "signal 6");
  EXPECT_EQ(ending_of([] { ::kill(0, SIGKILL); }).substr(0, 8), "signal 9");  // its own group, and not ours
}

TEST(RunCopy, NothingOfThisProcessEndsTwice) {
  static int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  std::atexit([] { (void)!::write(pipe[1], "x", 1); });
  EXPECT_EQ(ending_of([] { std::exit(0); }), "exit status 0");
  ::fcntl(pipe[0], F_SETFL, O_NONBLOCK);
  char letter;
  EXPECT_EQ(::read(pipe[0], &letter, 1), -1);
}

TEST(RunCopy, KillsWhatHangsWhereverItIs) {
  EXPECT_EQ(ending_of([] { ::pause(); }, short_s), "killed");
  EXPECT_EQ(ending_of([] { ::raise(SIGSTOP); }, short_s), "killed");
  EXPECT_EQ(ending_of(
                [] {
                  ::setpgid(0, ::getpgid(::getppid()));
                  ::pause();
                },
                short_s),
            "killed");
  EXPECT_EQ(ending_of(
                [] {  // a child that joins the group of the original
                  if (::fork() == 0) {
                    ::setpgid(0, ::getpgid(::getppid()));
                    ::pause();
                  }
                  ::pause();
                },
                short_s),
            "killed");
}

TEST(RunCopy, TakesNoAnswerFromSomebodyElse) {
  const auto end = run_copy(
      [] {
        for (int descriptor = 3; descriptor < 64; ++descriptor) (void)!::write(descriptor, "answer\n", 7);
        ::_exit(0);
        return std::string();
      },
      plenty_s);
  EXPECT_EQ(end.record, "");
}

}  // namespace
