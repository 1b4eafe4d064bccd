// SPDX-License-Identifier: Apache-2.0
#include "child/process.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>

namespace trainer::child {
namespace {

Program shell(const std::string& script) {
  return {{"sh", "-c", script}, {std::string("PATH=") + std::getenv("PATH"), "WORD=given"}};
}

TEST(Process, TellsHowItEnded) {
  Process good(shell("true"));
  EXPECT_EQ(good.wait(30), "");
  Process bad(shell("exit 3"));
  EXPECT_EQ(bad.wait(30), "exit status 3");
  Process slow(shell("sleep 600"));
  EXPECT_EQ(slow.wait(0.05), std::nullopt);
  slow.kill();
  EXPECT_EQ(slow.ended(), "signal 9");
  EXPECT_THROW(Process({{"/no/such/program"}, {}}), std::system_error);
}

TEST(Process, GetsTheStreamAsDescriptorThree) {
  Process child(shell("echo $WORD >&3"));
  const Descriptor stream = child.connection(30);
  EXPECT_EQ(child.wait(30), "");
  char bytes[16];
  EXPECT_EQ(receive_some(stream.get(), bytes, sizeof bytes), 6);
}

TEST(Process, WhatItPrintsIsReadToItsEnd) {
  Program program = shell("echo one; echo two >&2");
  program.printed = true;
  Process child(program);
  std::string all;
  while (const auto text = child.printed(30)) all += *text;
  EXPECT_EQ(all, "one\ntwo\n");
  EXPECT_EQ(child.wait(30), "");
}

TEST(Process, PrintsNothingInTime) {
  Program program = shell("sleep 600");
  program.printed = true;
  Process child(program);
  EXPECT_EQ(child.printed(0.01), "");
}

TEST(Process, MayLeadASession) {
  Program program = shell("ps -o sid= -p $$");
  program.printed = program.session = true;
  Process child(program);
  std::string all;
  while (const auto text = child.printed(30)) all += *text;
  EXPECT_EQ(std::stoll(all), child.id());
}

// Of one that has started another, which would hold its output open.
void expect_end_of_all(Program program, const char* end) {
  program.printed = program.ends_all = true;
  Process child(program);
  EXPECT_EQ(child.printed(30), "started\n");
  EXPECT_EQ(child.wait(30), end);
  EXPECT_EQ(child.printed(30), std::nullopt) << "nobody can print any more";
}

TEST(Process, WhatItStartedMayEndWithIt) {
  Program program = shell("sleep 600 & echo started");
  expect_end_of_all(program, "");
}

TEST(Process, SoMayWhatHasAGroupOfItsOwnInItsSession) {
  Program program{{"bash", "-c", "set -m; sleep 600 & echo started"}, shell("").environment};
  program.session = true;
  expect_end_of_all(program, "");
}

TEST(Process, SoMayWhatHasASessionOfItsOwnAndNoParentLeft) {
  Program program{{"sh", "-c", "(setsid sleep 600 & echo started); kill -9 $$"}, shell("").environment};
  program.session = true;
  expect_end_of_all(program, "signal 9");
}

TEST(Process, ThatEndsOthersIsNotKeptStopped) {
  Program program = shell("kill -STOP $$; exit 3");
  program.session = program.ends_all = true;
  Process child(program);
  EXPECT_EQ(child.wait(30), "exit status 3");
}

}  // namespace
}  // namespace trainer::child
