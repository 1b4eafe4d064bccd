// SPDX-License-Identifier: Apache-2.0
#include "border/map_view.hpp"

#include <gtest/gtest.h>

#include "support/count_allocations.hpp"

namespace {

using namespace trainer;

TEST(MapView, EachListThatIsReadTogetherHasItsOwnText) {
  json::object values{{"a", json::array{1}}, {"b", 2.5}, {"c", json::array{3}}, {"d", json::array{4}}};
  const MapView map(&values, true);
  for (int again = 0; again < 2; ++again) {
    trainer_text keys[4];
    trainer_value found[4];
    for (auto& value : found) value.struct_size = sizeof value;
    ASSERT_EQ(map.read(&map, 0, 4, keys, found), 4u);
    auto text = [&](int i) { return std::string(found[i].text.data, found[i].text.size); };
    EXPECT_EQ(text(0), "[1]");
    EXPECT_EQ(found[1].number, 2.5);
    EXPECT_EQ(text(2), "[3]");
    EXPECT_EQ(text(3), "[4]");
  }
}

// One is made for each event that somebody listens to.
TEST(MapView, OfNumbersDoesNotAllocate) {
  json::object values{{"loss", 0.5}, {"step", 3}};
  const long before = test::allocations;
  const MapView map(&values, false);
  trainer_text key;
  trainer_value value{};
  value.struct_size = sizeof value;
  EXPECT_EQ(map.at(&map, 1, &key, &value), TRAINER_OK);
  EXPECT_EQ(test::allocations, before);
}

}  // namespace
