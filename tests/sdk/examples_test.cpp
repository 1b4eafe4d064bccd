// SPDX-License-Identifier: Apache-2.0
//
// The examples that use what the contract 1.1 brought, in the fake host.
#include "support/fake_host.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <limits>
#include <thread>
#include <trainer/sdk.hpp>

namespace trainer {
namespace {

using test::Cell;
using test::FakeHost;
using test::FakePlugin;
using test::Row;
using testing::HasSubstr;

const std::string plugins = TRAINER_BUILD_DIR "/plugins";

bool has(const Row& row, const std::string& key) {
  return std::any_of(row.begin(), row.end(), [&](const auto& entry) { return entry.first == key; });
}

TEST(ExampleGradientMonitor, PutsNormsIntoTheLogsSoOftenAnEpoch) {
  FakeHost host;
  host.config = {{"per_epoch", Cell(2)}, {"steps", Cell(3)}};
  host.arguments = {{"gradient_accumulation_steps", Cell(2)}};
  host.train_dataloader_size = 8;  // 4 updates, of which each second is measured
  host.tensors[TRAINER_OF_GRADIENTS] = {{"0.weight", {2}, {3, 4}}};
  FakePlugin plugin(host, "gradient_monitor", plugins);
  const auto norms_after = [&](std::int64_t step) {
    host.state.global_step = step - 1;
    EXPECT_EQ(plugin.fire(TRAINER_ON_PRE_OPTIMIZER_STEP), TRAINER_OK) << host.error;
    host.state.global_step = step;
    Row logs{{"loss", Cell(0.5)}};
    EXPECT_EQ(plugin.fire(TRAINER_ON_LOG, logs), TRAINER_OK) << host.error;
    if (has(logs, "grad_norm/0.weight")) {
      EXPECT_EQ(logs[1].second.number, 5);
    }
    return has(logs, "grad_norm/0.weight");
  };
  ASSERT_EQ(plugin.fire(TRAINER_ON_TRAIN_BEGIN), TRAINER_OK) << host.error;
  EXPECT_FALSE(norms_after(1));
  EXPECT_TRUE(norms_after(2));
  host.train_dataloader_size = -1;  // of a stream
  ASSERT_EQ(plugin.fire(TRAINER_ON_TRAIN_BEGIN), TRAINER_OK) << host.error;
  EXPECT_FALSE(norms_after(2));
  EXPECT_TRUE(norms_after(3));

  host.tensors[TRAINER_OF_GRADIENTS][0].data[1] = std::numeric_limits<float>::quiet_NaN();
  host.state.global_step = 5;
  EXPECT_EQ(plugin.fire(TRAINER_ON_PRE_OPTIMIZER_STEP), TRAINER_OK) << host.error;
  ASSERT_EQ(host.lines.size(), 1u);
  EXPECT_THAT(host.lines[0].second, HasSubstr("0.weight has 1 NaN of 2 elements in step 6"));
}

TEST(ExampleLrBrake, LowersTheRateOfEachStepWhileTheLossIsHigh) {
  FakeHost host;
  host.config = {{"above", Cell(2.0)}, {"part", Cell(0.5)}};
  host.arguments = {{"lr_scheduler_type", Cell("linear")}};
  host.param_groups = {{1, 1, 0}, {0.5, 1, 0}};
  FakePlugin plugin(host, "lr_brake", plugins);
  const auto rate_after = [&](double loss) {
    EXPECT_EQ(plugin.fire(TRAINER_ON_LOG, {{"loss", Cell(loss)}}), TRAINER_OK) << host.error;
    host.param_groups[0].lr = 1, host.param_groups[1].lr = 0.5;  // as the schedule does
    EXPECT_EQ(plugin.fire(TRAINER_ON_STEP_BEGIN), TRAINER_OK) << host.error;
    return host.param_groups[0].lr;
  };
  ASSERT_EQ(plugin.fire(TRAINER_ON_TRAIN_BEGIN), TRAINER_OK) << host.error;
  EXPECT_EQ(rate_after(1), 1);
  EXPECT_EQ(rate_after(2.5), 0.5);
  EXPECT_EQ(host.param_groups[1].lr, 0.25);
  EXPECT_EQ(rate_after(std::numeric_limits<double>::quiet_NaN()), 0.5);
  EXPECT_EQ(rate_after(0.5), 1);
  host.arguments["lr_scheduler_type"] = Cell("greedy");
  EXPECT_EQ(plugin.fire(TRAINER_ON_TRAIN_BEGIN), TRAINER_ERROR);
  EXPECT_THAT(host.error, HasSubstr("greedy"));
}

TEST(ExampleTimeLimit, AsksForAStopFromAThreadOfItsOwnAndEndsItInTime) {
  FakeHost host;
  host.config = {{"seconds", Cell(0.0)}};
  {
    FakePlugin plugin(host, "time_limit", plugins);
    ASSERT_EQ(plugin.fire(TRAINER_ON_TRAIN_BEGIN), TRAINER_OK) << host.error;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (host.stop_requests == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    EXPECT_EQ(host.stop_requests, 1);
    host.config["seconds"] = Cell(3600.0);
    ASSERT_EQ(plugin.fire(TRAINER_ON_TRAIN_BEGIN), TRAINER_OK) << host.error;
  }  // waits for no hour
  EXPECT_EQ(host.stop_requests, 1);
  EXPECT_EQ(host.misuse, "");
}

}  // namespace
}  // namespace trainer
