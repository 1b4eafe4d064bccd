// SPDX-License-Identifier: Apache-2.0
//
// Numbers as Python writes them.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <trainer/sdk/repr.hpp>
#include <utility>

namespace trainer::sdk {
namespace {

template <typename T>
std::string repr(T value) {
  std::string out;
  append_repr(out, value);
  return out;
}

TEST(Repr, IsPythons) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::pair<double, const char*> cases[] = {
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {1.0, "1.0"},
      {0.1, "0.1"},
      {5e-5, "5e-05"},
      {1e-4, "0.0001"},
      {9.999e-5, "9.999e-05"},
      {2.6500730514526367, "2.6500730514526367"},
      {0.08750000000000001, "0.08750000000000001"},
      {6795.146, "6795.146"},
      {1e15, "1000000000000000.0"},
      {9999999999999998.0, "9999999999999998.0"},
      {1e16, "1e+16"},
      {1.5e300, "1.5e+300"},
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {infinity, "inf"},
      {-infinity, "-inf"},
      {std::nan(""), "nan"},
      {-std::nan(""), "nan"},
  };
  for (const auto& [value, text] : cases) EXPECT_EQ(repr(value), text);
  EXPECT_EQ(repr(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
}

}  // namespace
}  // namespace trainer::sdk
