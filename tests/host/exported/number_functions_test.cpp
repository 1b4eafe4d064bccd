// SPDX-License-Identifier: Apache-2.0
#include "exported/number_functions.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

namespace trainer::exported {
namespace {

c10::IValue result(const char* name, const std::vector<c10::IValue>& operands) {
  return number_function(name)(operands);
}

std::int64_t whole(const char* name, std::int64_t a, std::int64_t b) { return result(name, {a, b}).toInt(); }

// What Python says.
TEST(NumberFunctions, AreThoseOfPython) {
  EXPECT_EQ(whole("_operator.floordiv", 7, 2), 3);
  EXPECT_EQ(whole("_operator.floordiv", -7, 2), -4);
  EXPECT_EQ(whole("_operator.floordiv", 7, -2), -4);
  EXPECT_EQ(whole("_operator.mod", -7, 2), 1);
  EXPECT_EQ(whole("_operator.mod", 7, -2), -1);
  EXPECT_EQ(whole("_operator.pow", 3, 4), 81);
  EXPECT_EQ(whole("_operator.pow", -1, 1000001), -1);
  EXPECT_EQ(whole("_operator.pow", -1, 1000000), 1);
  EXPECT_EQ(whole("_operator.rshift", -5, 1), -3);
  EXPECT_EQ(whole("torch.sym_max", 2, 3), 3);
  EXPECT_EQ(result("_operator.truediv", {7, 2}).toDouble(), 3.5);
  EXPECT_EQ(result("_operator.floordiv", {7.5, 2}).toDouble(), 3.0);
  EXPECT_EQ(result("_operator.mul", {1.5, 2}).toDouble(), 3.0);
  EXPECT_EQ(result("_operator.add", {true, 2}).toInt(), 3);
  EXPECT_EQ(result("_operator.neg", {2}).toInt(), -2);
  EXPECT_EQ(result("math.trunc", {-2.5}).toInt(), -2);
  EXPECT_TRUE(result("_operator.eq", {2, 2.0}).toBool());
  EXPECT_TRUE(result("_operator.and_", {true, true}).isBool());
  EXPECT_FALSE(result("torch.sym_not", {true}).toBool());
  EXPECT_EQ(result("torch.sym_ite", {false, 1, 2}).toInt(), 2);
  EXPECT_EQ(number_function("_operator.matmul"), nullptr);
}

TEST(NumberFunctions, ThrowWhereANumberDoesNotFit) {
  constexpr auto least = std::numeric_limits<std::int64_t>::min(), most = std::numeric_limits<std::int64_t>::max();
  EXPECT_THROW(whole("_operator.add", most, 1), std::runtime_error);
  EXPECT_THROW(whole("_operator.mul", most, 2), std::runtime_error);
  EXPECT_THROW(whole("_operator.pow", 3, 64), std::runtime_error);
  EXPECT_THROW(whole("_operator.pow", 2, -1), std::runtime_error);
  EXPECT_THROW(whole("_operator.floordiv", 1, 0), std::runtime_error);
  EXPECT_THROW(whole("_operator.floordiv", least, -1), std::runtime_error);
  EXPECT_THROW(whole("_operator.mod", 1, 0), std::runtime_error);
  EXPECT_EQ(whole("_operator.mod", least, -1), 0);
  EXPECT_THROW(whole("_operator.lshift", 1, 63), std::runtime_error);
  EXPECT_THROW(result("_operator.neg", {least}), std::runtime_error);
  EXPECT_THROW(result("torch.sym_int", {1e300}), std::runtime_error);
  EXPECT_THROW(result("_operator.add", {1}), std::runtime_error);
}

}  // namespace
}  // namespace trainer::exported
