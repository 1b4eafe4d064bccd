// SPDX-License-Identifier: Apache-2.0
//
// trainer.optimizer/1 of a host, and what the handler notes of a rate that a plugin sets.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <trainer/sdk.hpp>

#include "run/trace_recorder.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/callback_spec.hpp"
#include "trainer/files.hpp"
#include "trainer/host_context.hpp"
#include "trainer/plugin_registry.hpp"

namespace trainer {
namespace {

using testing::HasSubstr;

class Lowering final : public sdk::TrainerCallback {
 public:
  explicit Lowering(const sdk::Host& host) : host_(host) {}
  void on_step_begin(const Arguments&, const State&, Control&) override {
    const auto optimizer = host_.optimizer();
    offered = optimizer.has_value();
    size = train_dataloader_size();
    if (!offered) return;
    const auto group = optimizer->group(0);
    seen = {group.lr, group.initial_lr, group.weight_decay, static_cast<double>(group.params.size())};
    optimizer->set_lr(0, group.lr / 2);
    EXPECT_EQ(optimizer->lr(0), group.lr / 2);
    EXPECT_THROW(optimizer->set_lr(1, 1), std::out_of_range);
    EXPECT_THROW(optimizer->group(7), std::out_of_range);
    for (const double wrong : {-1.0, std::numeric_limits<double>::infinity(), std::nan("")})
      EXPECT_THROW(optimizer->set_lr(0, wrong), std::invalid_argument);
    const auto* table = host_.extension<trainer_ext_optimizer>(TRAINER_EXT_OPTIMIZER);
    trainer_param_group small{8, 0, 0, 0, 0, 0};
    EXPECT_EQ(table->at(host_.raw(), 0, &small), TRAINER_ERROR);
  }
  static inline bool offered = false;
  static inline std::int64_t size = 0;
  static inline std::vector<double> seen;

 private:
  sdk::Host host_;
};

struct OneGroup final : ParamGroupSource {
  explicit OneGroup(CallbackHandler& h) : handler(h) {}
  std::uint64_t count() override { return 1; }
  bool at(std::uint64_t index, trainer_param_group& group) override {
    if (index > 0) return false;
    group = {group.struct_size, 0, lr, 0.5, 0.25, 1};
    return true;
  }
  bool parameter(std::uint64_t, std::uint64_t, trainer_text& name) override {
    name = {"0.weight", 8};
    return true;
  }
  bool set_lr(std::uint64_t group, double rate) override {
    if (group > 0) return false;
    lr = rate;
    handler.note_rate({0, rate});
    return true;
  }
  CallbackHandler& handler;
  double lr = 0.5;
};

struct ParamGroupsTest : testing::Test {
  void add() { add_callback(handler, CallbackSpec::plugin(sdk::plugin_table<Lowering>(), {}), registry, context); }

  TrainingArguments args;
  TrainerState state;
  TrainerControl control;
  HostContext context{.args = &args, .state = &state, .model_config_json = {}};
  PluginRegistry registry{{}};
  CallbackHandler handler{args, state, control};
  OneGroup groups{handler};
};

TEST_F(ParamGroupsTest, AreReadAndTheirRateIsSet) {
  context.param_groups = &groups;
  handler.objects().train_dataloader_size = 12;
  add();
  handler.call_event(TRAINER_ON_STEP_BEGIN);
  EXPECT_EQ(groups.lr, 0.25);
  EXPECT_THAT(Lowering::seen, testing::ElementsAre(0.5, 0.5, 0.25, 1));
  EXPECT_EQ(Lowering::size, 12);
}

TEST_F(ParamGroupsTest, AreNotOfferedWhereNothingIsTrained) {
  add();
  handler.call_event(TRAINER_ON_STEP_BEGIN);
  EXPECT_FALSE(Lowering::offered);
  EXPECT_EQ(Lowering::size, -1);
}

TEST_F(ParamGroupsTest, TheRecordNamesWhoSetARate) {
  const test::ScratchDirectory directory;
  FlagChanges changes;
  context.param_groups = &groups;
  add();
  handler.watch_flags(&changes);
  {
    TraceRecorder recorder(directory.path());
    handler.set_recorder(&recorder);
    handler.call_event(TRAINER_ON_STEP_BEGIN);
    handler.note_agreed_rate({1, 0.125}, 3, 0);
    recorder.finish();
    handler.set_recorder(nullptr);
  }
  ASSERT_EQ(changes.rates.size(), 1u);
  EXPECT_EQ(changes.rates.at(0), 0u) << "its place among the callbacks";
  const std::string trace = read_file(directory.path() / "trace.jsonl");
  EXPECT_THAT(trace, HasSubstr(R"("changed_by":[{"callback":"lowering","group":0,"lr":0.25}])"));
  EXPECT_THAT(trace, HasSubstr(R"("changed_by":[{"callback":"lowering on rank 3","group":1,"lr":0.125}])"));
}

}  // namespace
}  // namespace trainer
