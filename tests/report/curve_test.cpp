// SPDX-License-Identifier: Apache-2.0
#include "report/curve.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace trainer::report {
namespace {

TEST(Curve, KeepsEveryPointUntilThereAreTooMany) {
  Curve curve;
  for (std::int64_t step = 0; step < static_cast<std::int64_t>(Curve::most); ++step) curve.add({step, 0, -1.0 * step});
  EXPECT_EQ(curve.span(), 1u);
  const auto points = curve.points();
  ASSERT_EQ(points.size(), Curve::most);
  for (std::size_t i = 0; i < points.size(); ++i) EXPECT_EQ(points[i].step, static_cast<std::int64_t>(i));
}

TEST(Curve, KeepsTheLowestAndTheHighestOfEachSpan) {
  constexpr std::int64_t count = 1'000'000, spike = 700'001, hole = 300'003;
  Curve curve;
  for (std::int64_t step = 0; step < count; ++step)
    curve.add({step, 0, step == spike ? 1000 : step == hole ? -1000 : std::sin(static_cast<double>(step))});
  EXPECT_EQ(curve.logged(), static_cast<std::uint64_t>(count));
  EXPECT_EQ(curve.span(), 128u);
  const auto points = curve.points();
  EXPECT_LE(points.size(), 2 * Curve::most + 1);
  EXPECT_TRUE(std::is_sorted(points.begin(), points.end(), [](auto& a, auto& b) { return a.step < b.step; }));
  EXPECT_TRUE(std::any_of(points.begin(), points.end(), [](auto& p) { return p.step == spike && p.value == 1000; }));
  EXPECT_TRUE(std::any_of(points.begin(), points.end(), [](auto& p) { return p.step == hole && p.value == -1000; }));
  EXPECT_LT(points.front().step, 128);
  EXPECT_EQ(points.back().step, count - 1);
}

TEST(Curve, ANaNStaysOnlyWhereThereIsNothingElse) {
  Curve curve;
  for (std::int64_t step = 0; step < 100'000; ++step) curve.add({step, 0, step < 50'000 ? NAN : step % 3 ? 1.0 : NAN});
  const auto points = curve.points();
  EXPECT_TRUE(std::isnan(points.front().value));
  for (const Point& point : points) {
    if (point.step < 50'100 || point.step >= 99'900) continue;
    EXPECT_EQ(point.value, 1.0) << point.step;
  }
}

TEST(Curve, GoesOnWhereItWas) {
  Curve whole, first;
  for (std::int64_t step = 0; step < 100'000; ++step) {
    whole.add({step, 0, std::cos(static_cast<double>(step))});
    if (step < 60'000) first.add({step, 0, std::cos(static_cast<double>(step))});
  }
  Curve second;
  second.restore(first.points(), first.logged(), first.span());
  EXPECT_EQ(second.logged(), 60'000u);
  for (std::int64_t step = 60'000; step < 100'000; ++step) second.add({step, 0, std::cos(static_cast<double>(step))});
  const auto points = second.points();
  EXPECT_EQ(second.logged(), 100'000u);
  EXPECT_LE(points.size(), 2 * Curve::most + 1);
  EXPECT_TRUE(std::is_sorted(points.begin(), points.end(), [](auto& a, auto& b) { return a.step < b.step; }));
  const auto by_value = [](auto& a, auto& b) { return a.value < b.value; };
  const auto expected = whole.points();
  EXPECT_EQ(std::max_element(points.begin(), points.end(), by_value)->value,
            std::max_element(expected.begin(), expected.end(), by_value)->value);
}

}  // namespace
}  // namespace trainer::report
