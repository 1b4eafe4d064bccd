// SPDX-License-Identifier: Apache-2.0
#include "child/frames.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace trainer::child {
namespace {

TEST(Frames, ComeOutWholeHoweverTheBytesArrive) {
  std::string bytes;
  const std::vector<std::string> sent = {"{}", "", std::string(70000, 'x'), "{\"a\":1}"};
  for (const std::string& body : sent) append_frame(bytes, body);
  EXPECT_EQ(bytes.substr(0, 6), std::string("\2\0\0\0{}", 6));
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{4096}, bytes.size()}) {
    FrameReader reader;
    std::vector<std::string> got;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      reader.feed(std::string_view(bytes).substr(at, step));
      for (std::string body; reader.next(body);) got.push_back(body);
    }
    EXPECT_EQ(got, sent) << step;
  }
}

TEST(Frames, AnImpossibleLengthIsNotWaitedFor) {
  FrameReader reader;
  std::string body;
  reader.feed("\xFF\xFF\xFF\x7F");
  EXPECT_THROW(reader.next(body), std::length_error);
}

TEST(Outbox, GivesEverythingAtOnceAndInOrder) {
  Outbox outbox(1000);
  EXPECT_TRUE(outbox.push("one"));
  EXPECT_TRUE(outbox.push("two"));
  std::string bytes, expected;
  append_frame(expected, "one");
  append_frame(expected, "two");
  EXPECT_TRUE(outbox.take(bytes));
  EXPECT_EQ(bytes, expected);
  bytes.clear();
  EXPECT_FALSE(outbox.take(bytes));
}

TEST(Outbox, RefusesWhatIsTooMuchAndCountsIt) {
  Outbox outbox(100);
  EXPECT_TRUE(outbox.push(std::string(90, 'x')));
  EXPECT_FALSE(outbox.push(std::string(90, 'y')));
  EXPECT_TRUE(outbox.push(std::string(90, 'z'), true)) << "what must go is kept";
  EXPECT_EQ(outbox.refused(), 1u);
  std::string bytes;
  EXPECT_TRUE(outbox.take(bytes));
  EXPECT_EQ(bytes.size(), 2 * 94u);
  EXPECT_TRUE(outbox.push(std::string(90, 'y'))) << "there is room again";
}

}  // namespace
}  // namespace trainer::child
