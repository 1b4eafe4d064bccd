// SPDX-License-Identifier: Apache-2.0
#include "ranks/same_everywhere.hpp"

#include <gtest/gtest.h>

namespace trainer {
namespace {

const std::vector<std::string> names = {"rank 0 (host a)", "rank 1 (host b)", "rank 2 (host b)"};

TEST(SameEverywhere, NothingIsSaidOfWhatIsTheSame) {
  const Facts facts = {{"args.seed", "1"}, {"train rows", "100"}};
  EXPECT_EQ(first_difference({facts, facts, facts}, names), "");
  EXPECT_EQ(first_difference({{}, {}}, names), "");
}

TEST(SameEverywhere, NamesRankKeyAndBothValues) {
  const Facts facts = {{"args.seed", "1"}, {"train rows", "100"}};
  EXPECT_EQ(first_difference({facts, facts, {{"args.seed", "1"}, {"train rows", "99"}}}, names),
            "train rows is 99 on rank 2 (host b), but 100 on rank 0 (host a); give all ranks the same");
}

TEST(SameEverywhere, NamesWhatOneLacks) {
  const Facts facts = {{"plugin csv", "1"}};
  EXPECT_EQ(first_difference({facts, {}}, names),
            "plugin csv is missing on rank 1 (host b), but 1 on rank 0 (host a); give all ranks the same");
  EXPECT_EQ(first_difference({{}, facts}, names),
            "plugin csv is 1 on rank 1 (host b), but missing on rank 0 (host a); give all ranks the same");
}

TEST(SameEverywhere, CutsLongValues) {
  const std::string sentence = first_difference({{{"x", std::string(500, 'a')}}, {{"x", "b"}}}, names);
  EXPECT_LT(sentence.size(), 250u);
  EXPECT_NE(sentence.find("aaa... on rank 0"), std::string::npos);
}

}  // namespace
}  // namespace trainer
