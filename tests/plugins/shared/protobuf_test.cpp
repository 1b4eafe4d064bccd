// SPDX-License-Identifier: Apache-2.0
#include "shared/protobuf/protobuf.hpp"

#include <gtest/gtest.h>

namespace {

using trainer::plugins::protobuf::Message;
using namespace std::string_literals;

template <typename Fill>
std::string encode(Fill&& fill) {
  std::string out;
  Message message(out);
  fill(message);
  return out;
}

TEST(Protobuf, WritesVarints) {
  EXPECT_EQ(encode([](Message& m) { m.integer(1, 150); }), "\x08\x96\x01");
  EXPECT_EQ(encode([](Message& m) { m.integer(1, -1); }), "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  EXPECT_EQ(encode([](Message& m) { m.integer(16, 1); }), "\x80\x01\x01");  // a key of two bytes
  EXPECT_EQ(encode([](Message& m) { m.flag(3, true); }), "\x18\x01");
}

TEST(Protobuf, LeavesDefaultsOut) {
  EXPECT_EQ(encode([](Message& m) { m.integer(1, 0).flag(2, false).number(3, 0.0).text(4, ""); }), "");
  EXPECT_EQ(encode([](Message& m) { m.text(4, "", true); }), "\x22\x00"s);
  EXPECT_EQ(encode([](Message& m) { m.number(1, -0.0); }), "\x09\0\0\0\0\0\0\0\x80"s);
}

TEST(Protobuf, WritesDoublesAndTexts) {
  EXPECT_EQ(encode([](Message& m) { m.number(1, 1.0).text(2, "hi"); }), "\x09\0\0\0\0\0\0\xf0\x3f\x12\x02hi"s);
}

TEST(Protobuf, NestsMessagesOfAnyLength) {
  EXPECT_EQ(encode([](Message& m) { m.message(1, [](Message&) {}); }), "\x0a\x00"s);
  const std::string text(200, 'x');
  const std::string out = encode([&](Message& m) { m.message(1, [&](Message& inner) { inner.text(2, text); }); });
  EXPECT_EQ(out, "\x0a\xcb\x01\x12\xc8\x01" + text);
}

TEST(Protobuf, CountsNanosecondsForward) {
  EXPECT_EQ(encode([](Message& m) { m.timestamp(1, 2'000'000'003); }), "\x0a\x04\x08\x02\x10\x03");
  const std::string before = encode([](Message& m) { m.timestamp(1, -1); });
  EXPECT_EQ(before.substr(2, 11), "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  EXPECT_EQ(before.substr(13), "\x10\xff\x93\xeb\xdc\x03");  // 999999999
}

}  // namespace
