// SPDX-License-Identifier: Apache-2.0
#include "ranks/agreement.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <limits>
#include <vector>

namespace trainer {
namespace {

constexpr std::size_t training_stop = 0, save = 2, log_flag = 4;

struct AgreementTest : testing::Test {
  struct Rank {
    TrainerControl control;
    FlagChanges changes;
    StopRequest stop;
    bool within_step = false;
    AgreementPace pace = 16;
    void change(std::size_t flag, bool value, std::size_t entry) {
      control.*control_flags[flag].field = value;
      changes.by[flag] = entry;
    }
  };

  // What an all-reduce of the least makes of them.
  Agreed agree() const {
    const auto world = static_cast<int>(ranks.size());
    AgreementNumbers least;
    least.fill(std::numeric_limits<std::int64_t>::max());
    for (int rank = 0; rank < world; ++rank) {
      const Rank& one = ranks[static_cast<std::size_t>(rank)];
      const auto sent = propose(one.control, one.changes, one.stop, one.within_step, one.pace, rank, world);
      for (std::size_t i = 0; i < sent.size(); ++i) least[i] = std::min(least[i], sent[i]);
    }
    return read_agreement(least, world);
  }

  std::vector<Rank> ranks = std::vector<Rank>(3);
};

TEST_F(AgreementTest, WhatNoCallbackChangedStays) {
  for (Rank& rank : ranks) rank.control.should_log = 1;  // as DefaultFlowCallback does everywhere
  const Agreed agreed = agree();
  for (std::size_t i = 0; i < control_flags.size(); ++i) {
    EXPECT_EQ(agreed.flags[i].value, i == log_flag) << control_flags[i].name;
    EXPECT_EQ(agreed.flags[i].rank, -1);
  }
  EXPECT_FALSE(agreed.stop);
}

TEST_F(AgreementTest, OneRankRaises) {
  ranks[1].change(training_stop, true, 7);
  const auto flag = agree().flags[training_stop];
  EXPECT_TRUE(flag.value);
  EXPECT_EQ(flag.rank, 1);
  EXPECT_EQ(flag.entry, 7u);
}

TEST_F(AgreementTest, OneRankClears) {
  for (Rank& rank : ranks) rank.control.should_log = 1;
  ranks[0].change(log_flag, false, 2);
  const auto flag = agree().flags[log_flag];
  EXPECT_FALSE(flag.value);
  EXPECT_EQ(flag.rank, 0);
}

TEST_F(AgreementTest, OfTwoTheLowerRankDecidesAndFlagsAreApart) {
  for (Rank& rank : ranks) rank.control.should_save = 1;
  ranks[1].change(save, false, 3);
  ranks[2].change(save, true, 4);
  ranks[2].change(training_stop, true, 4);
  const Agreed agreed = agree();
  EXPECT_FALSE(agreed.flags[save].value);
  EXPECT_EQ(agreed.flags[save].rank, 1);
  EXPECT_TRUE(agreed.flags[training_stop].value);
  EXPECT_EQ(agreed.flags[training_stop].rank, 2);
  EXPECT_EQ(agreed.flags[training_stop].entry, 4u);
}

TEST_F(AgreementTest, AllDoTheSame) {
  for (Rank& rank : ranks) rank.change(training_stop, true, 1);
  const auto flag = agree().flags[training_stop];
  EXPECT_TRUE(flag.value);
  EXPECT_EQ(flag.rank, 0);
}

TEST_F(AgreementTest, ASignalOrACallOnOneRankStopsAll) {
  ranks[2].stop = SIGTERM;
  EXPECT_EQ(agree().stop, SIGTERM);
  ranks[0].stop = 0;
  EXPECT_EQ(agree().stop, SIGTERM) << "of which the status follows";
  ranks[2].stop = {};
  EXPECT_EQ(agree().stop, 0);
}

TEST_F(AgreementTest, ARateThatOneRankHasSetIsToldToAll) {
  EXPECT_FALSE(agree().rates);
  ranks[1].changes.rates[0] = 3;
  EXPECT_TRUE(agree().rates);
  ranks[1].changes.clear();
  EXPECT_FALSE(agree().rates);
}

TEST_F(AgreementTest, APluginThatMaySetOneJustBeforeAnUpdateIsKnownEverywhere) {
  EXPECT_FALSE(agree().within_step);
  ranks[2].within_step = true;
  EXPECT_TRUE(agree().within_step);
}

TEST_F(AgreementTest, TheRankThatNeedsItSoonestSetsThePace) {
  EXPECT_EQ(agree().pace, 16);
  ranks[1].pace = 0;
  EXPECT_EQ(agree().pace, 0);
}

TEST(AgreementPace, IsAboutTenMilliseconds) {
  using std::chrono::milliseconds;
  EXPECT_EQ(pace_for_signals(1, milliseconds(400)), 1);
  EXPECT_EQ(pace_for_signals(10, milliseconds(20)), 5);
  EXPECT_EQ(pace_for_signals(16, milliseconds(4)), 16);
  EXPECT_EQ(pace_for_signals(16, milliseconds(0)), 16);
  EXPECT_EQ(pace_for_signals(0, milliseconds(1)), 10);
}

}  // namespace
}  // namespace trainer
