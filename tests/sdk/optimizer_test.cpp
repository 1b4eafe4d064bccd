// SPDX-License-Identifier: Apache-2.0
//
// The optimizer's groups, the train dataloader's length and a stop from another thread, of the fake host and of an old
// one.
#include "support/fake_host.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>
#include <trainer/sdk.hpp>

namespace trainer {
namespace {

using test::FakeHost;
using test::FakePlugin;

TEST(SdkOptimizer, GivesGroupsAndSetsTheirRates) {
  FakeHost fake;
  const sdk::Host host(fake.table());
  ASSERT_TRUE(host.optimizer());
  EXPECT_EQ(host.optimizer()->size(), 0u);
  fake.param_groups = {{0.1, 0.2, 0.01, {"0.weight", "2.weight"}}, {0.3, 0.4, 0, {}}};
  const auto optimizer = host.optimizer();
  EXPECT_EQ(optimizer->size(), 2u);
  const auto group = optimizer->group(0);
  EXPECT_EQ(group.lr, 0.1);
  EXPECT_EQ(group.initial_lr, 0.2);
  EXPECT_EQ(group.weight_decay, 0.01);
  EXPECT_EQ(group.params, (std::vector<std::string_view>{"0.weight", "2.weight"}));
  optimizer->set_lr(1, 0.05);
  EXPECT_EQ(fake.param_groups[1].lr, 0.05);
  EXPECT_EQ(optimizer->lr(1), 0.05);
  EXPECT_EQ(fake.refused_lr, "");
  EXPECT_THROW(optimizer->set_lr(1, std::nan("")), std::invalid_argument);
  EXPECT_NE(fake.refused_lr.find("is no learning rate"), std::string::npos);
  EXPECT_THROW(optimizer->set_lr(2, 0.1), std::out_of_range);
  EXPECT_EQ(fake.param_groups[1].lr, 0.05);
}

TEST(SdkOptimizer, IsNotThereInAReplayOrAnOlderHost) {
  FakeHost fake;
  fake.offered.erase(TRAINER_EXT_OPTIMIZER);
  EXPECT_FALSE(sdk::Host(fake.table()).optimizer());
}

TEST(SdkRequestStop, ComesFromAnyThread) {
  FakeHost fake;
  std::thread([&] { EXPECT_TRUE(sdk::Host(fake.table()).request_stop()); }).join();
  EXPECT_EQ(fake.stop_requests, 1);
  EXPECT_EQ(fake.misuse, "");
  trainer_host old = *fake.table();
  old.struct_size = TRAINER_SIZE_TO(trainer_host, state_json);
  EXPECT_FALSE(sdk::Host(&old).request_stop());
  EXPECT_EQ(fake.stop_requests, 1);
}

class Measuring final : public sdk::TrainerCallback {
 public:
  ~Measuring() override { after = train_dataloader_size(); }
  void on_step_end(const Arguments&, const State&, Control&) override {
    train = train_dataloader_size(), eval = eval_dataloader_size();
  }
  static inline std::int64_t train = 0, eval = 0, after = 0;
};

TEST(SdkCallback, KnowsTheDataloadersLengthsDuringAnEvent) {
  FakeHost host;
  host.train_dataloader_size = 7, host.eval_dataloader_size = 3;
  {
    FakePlugin plugin(host, sdk::plugin_table<Measuring>());
    EXPECT_EQ(plugin.fire(TRAINER_ON_STEP_END), TRAINER_OK);
    EXPECT_EQ(Measuring::train, 7);
    EXPECT_EQ(Measuring::eval, 3);

    trainer_state state = host.state;
    trainer_control control = host.control;
    trainer_event old{};
    old.struct_size = TRAINER_SIZE_TO(trainer_event, eval_dataloader_size);
    old.kind = TRAINER_ON_STEP_END, old.state = &state, old.control = &control, old.train_dataloader_size = 9;
    EXPECT_EQ(plugin.table()->on_step_end(plugin.table(), &old), TRAINER_OK);
    EXPECT_EQ(Measuring::train, -1) << "of a host of the first minor";
  }
  EXPECT_EQ(Measuring::after, -1);
}

}  // namespace
}  // namespace trainer
