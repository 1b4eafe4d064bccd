// SPDX-License-Identifier: Apache-2.0
#include "trainer/device.hpp"

#include <gtest/gtest.h>

#include "core/base/process.hpp"
#include "ranks/ranks.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

TEST(Device, IsTheGpuOfTheRanksNumberOnItsMachine) {
  Ranks ranks;
  ranks.local_rank = 1;
  ranks.local_world = 4;
  EXPECT_EQ(gpu_of(ranks, 4), at::Device(at::kCUDA, 1));
}

TEST(Device, MoreRanksThanGpusAreRefused) {
  Ranks ranks;
  ranks.local_world = 2;
  try {
    gpu_of(ranks, 1);
    FAIL() << "not refused";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage);
    EXPECT_STREQ(e.id().text, "ranks.environment-invalid");
    EXPECT_EQ(e.sentence(), "2 ranks share " + host_name() +
                                ", which has 1 GPU, and each needs one of its own; start fewer there, or set use_cpu");
  }
}

}  // namespace
}  // namespace trainer
