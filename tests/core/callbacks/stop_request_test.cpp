// SPDX-License-Identifier: Apache-2.0
//
// A plugin asks for the end of the training, on any thread (trainer_host.request_stop), and it is obeyed between
// events.
#include <gmock/gmock.h>

#include <thread>
#include <trainer/sdk.hpp>
#include <vector>

#include "run/trace_recorder.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/callback_spec.hpp"
#include "trainer/files.hpp"
#include "trainer/host_context.hpp"
#include "trainer/log.hpp"
#include "trainer/plugin_registry.hpp"

namespace trainer {
namespace {

using testing::HasSubstr;

class Asking final : public sdk::TrainerCallback {
 public:
  explicit Asking(const sdk::Host& host) : host_(host) { made.push_back(this); }
  ~Asking() override { std::erase(made, this); }
  void ask() const { EXPECT_TRUE(host_.request_stop()); }
  static inline std::vector<Asking*> made;

 private:
  sdk::Host host_;
};

struct StopRequestTest : testing::Test {
  StopRequestTest() {
    log::set_sink([this](log::Level, std::string_view line) { logged += std::string(line) + "\n"; });
    state.max_steps = 9, state.global_step = 3;
    add_callback(handler, CallbackSpec::plugin(sdk::plugin_table<Asking>(), {}), registry, context);
  }
  ~StopRequestTest() override { log::set_sink({}); }

  std::string logged;
  TrainingArguments args;
  TrainerState state;
  TrainerControl control;
  HostContext context{.args = &args, .state = &state, .model_config_json = {}};
  PluginRegistry registry{{}};
  CallbackHandler handler{args, state, control};
};

TEST_F(StopRequestTest, IsObeyedOnceAndNamesThePlugin) {
  handler.obey_stop_requests();
  EXPECT_FALSE(control.should_training_stop);
  std::thread([] { Asking::made[0]->ask(); }).join();
  handler.obey_stop_requests();
  EXPECT_TRUE(control.should_training_stop);
  EXPECT_FALSE(control.should_save);
  EXPECT_THAT(logged, HasSubstr("asking stops the training at step 3 of 9"));
  control = {};
  handler.obey_stop_requests();
  EXPECT_FALSE(control.should_training_stop) << "it asked once";
}

TEST_F(StopRequestTest, ThatCannotBeObeyedIsDropped) {
  Asking::made[0]->ask();
  handler.drop_stop_requests();
  handler.obey_stop_requests();
  EXPECT_FALSE(control.should_training_stop);
}

TEST_F(StopRequestTest, ComesFromManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([] {
      for (int k = 0; k < 200; ++k) Asking::made[0]->ask();
    });
  for (int k = 0; k < 200; ++k) handler.obey_stop_requests();
  for (auto& thread : threads) thread.join();
  handler.obey_stop_requests();
  EXPECT_TRUE(control.should_training_stop);
}

TEST_F(StopRequestTest, CountsAsThePluginsChangeAndIsRecorded) {
  const test::ScratchDirectory directory;
  FlagChanges changes;
  handler.watch_flags(&changes);
  {
    TraceRecorder recorder(directory.path());
    handler.set_recorder(&recorder);
    Asking::made[0]->ask();
    handler.obey_stop_requests();
    recorder.finish();
    handler.set_recorder(nullptr);
  }
  EXPECT_EQ(changes.by[0], 0u);
  EXPECT_THAT(read_file(directory.path() / "trace.jsonl"),
              HasSubstr(R"("changed_by":[{"callback":"asking","flags":{"should_training_stop":true}}])"));
}

}  // namespace
}  // namespace trainer
