// SPDX-License-Identifier: Apache-2.0
#include "trainer/console.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "trainer/log.hpp"

using namespace trainer;

namespace {

using Seen = std::vector<std::pair<console::Stream, std::string>>;

TEST(Console, ListenersSeeTheLinesOfTheRun) {
  Seen seen;
  auto listening =
      console::listen([&](console::Stream stream, std::string_view text) { seen.emplace_back(stream, text); });
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  console::print("{'loss': '0.5'}");
  log::warning("mind the gap");
  log::debug("is below the level");
  listening.reset();
  console::print("nobody listens");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "{'loss': '0.5'}\nnobody listens\n");
  EXPECT_NE(testing::internal::GetCapturedStderr().find("mind the gap"), std::string::npos);
  EXPECT_EQ(seen, (Seen{{console::Stream::out, "{'loss': '0.5'}"}, {console::Stream::error, "warning: mind the gap"}}));
}

TEST(Console, ALineIsOneLineWhateverItHolds) {
  Seen seen;
  auto listening =
      console::listen([&](console::Stream stream, std::string_view text) { seen.emplace_back(stream, text); });
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  console::print("{'a\nb': '\x1b[2J'}");
  log::warning("mind\nerror: the gap");
  listening.reset();
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "{'a\\nb': '\\x1b[2J'}\n");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "warning: mind\\nerror: the gap\n");
  EXPECT_EQ(seen[0].second, "{'a\\nb': '\\x1b[2J'}");
  EXPECT_EQ(seen[1].second, "warning: mind\\nerror: the gap");
}

TEST(Console, AListenerMayPrintWithoutEnd) {
  int calls = 0;
  const auto listening = console::listen([&](console::Stream, std::string_view) {
    ++calls;
    console::print("from the listener");
  });
  testing::internal::CaptureStdout();
  console::print("a line");
  testing::internal::GetCapturedStdout();
  EXPECT_EQ(calls, 1);
}

TEST(Console, LinesOfManyThreadsComeOneAtATime) {
  std::vector<std::string> seen;  // without a lock of its own
  const auto listening = console::listen([&](console::Stream, std::string_view text) { seen.emplace_back(text); });
  testing::internal::CaptureStdout();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      for (int i = 0; i < 100; ++i) console::print("line");
    });
  for (auto& thread : threads) thread.join();
  testing::internal::GetCapturedStdout();
  EXPECT_EQ(seen, std::vector<std::string>(400, "line"));
}

struct FakeBar final : console::Bar {
  explicit FakeBar(std::string& screen, char letter) : screen_(screen), letter_(letter) {}
  void draw() override { screen_ += letter_; }
  void wipe() override { screen_ += '-'; }
  std::string& screen_;
  char letter_;
};

TEST(Console, ALineTakesTheBarOffTheScreen) {
  std::string screen;
  FakeBar train(screen, 'T'), evaluation(screen, 'E');
  const auto listening = console::listen([&](console::Stream, std::string_view) { screen += "line"; });
  testing::internal::CaptureStdout();
  console::show(train);
  console::print("x");
  console::show(evaluation);
  console::print("x");
  console::hide(evaluation);
  console::hide(train);
  console::print("x");
  testing::internal::GetCapturedStdout();
  EXPECT_EQ(screen, "T-lineT-E-lineETline");
}

}  // namespace
