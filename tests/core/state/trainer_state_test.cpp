// SPDX-License-Identifier: Apache-2.0
//
// Compared with trainer_state.json files that transformers wrote (tests/parity/expected).
#include "trainer/trainer_state.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer::trainer_state_test {
namespace {

namespace fs = std::filesystem;

// The recordings have "<time>" where a time was; a number stands in for it here.
std::string numbers_for_times(std::string text) {
  for (std::size_t at; (at = text.find("\"<time>\"")) != text.npos;) text.replace(at, 8, "1.25");
  return text;
}

TEST(TrainerState, EveryRecordedFileIsReadAndWrittenBackByteForByte) {
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(TRAINER_SOURCE_DIR) / "tests/parity/expected")) {
    if (!entry.path().filename().string().ends_with("trainer_state.json")) continue;
    const std::string text = numbers_for_times(read_file(entry.path()));
    const auto state = TrainerState::from_json(json::parse(text, entry.path().string()), "t");
    EXPECT_EQ(json::dump(state.to_json(), {.indent = 2, .sort_keys = true}) + "\n", text) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 100);
}

TEST(TrainerState, DefaultsAreTheirs) {
  EXPECT_EQ(json::dump(TrainerState().to_json()),
            R"({"epoch": 0, "global_step": 0, "max_steps": 0, "logging_steps": 500, "eval_steps": 500, )"
            R"("save_steps": 500, "train_batch_size": null, "num_train_epochs": 0, "num_input_tokens_seen": 0, )"
            R"("total_flos": 0, "log_history": [], "best_metric": null, "best_global_step": null, )"
            R"("best_model_checkpoint": null, "is_local_process_zero": true, "is_world_process_zero": true, )"
            R"("is_hyper_param_search": false, "trial_name": null, "trial_params": null, "stateful_callbacks": {}})");
}

TEST(TrainerState, StepsBelowOneAreAShareOfMaxSteps) {
  TrainingArguments args;
  args.logging_steps = 0.1;
  args.eval_steps = Number(0.2);
  args.save_steps = 0.5;
  TrainerState state;
  state.compute_steps(args, 99);
  EXPECT_EQ(json::dump(state.logging_steps.to_json()), "10");
  EXPECT_EQ(json::dump(state.eval_steps.to_json()), "20");
  EXPECT_EQ(json::dump(state.save_steps.to_json()), "50");
}

std::string error_of(const char* text) {
  try {
    TrainerState::from_json(json::parse(text, "t"), "state.json");
  } catch (const Error& e) {
    return e.sentence();
  }
  return "";
}

TEST(TrainerState, LoadingIsStrict) {
  EXPECT_THAT(error_of(R"({"global_stap": 1})"), testing::HasSubstr("did you mean \"global_step\"?"));
  EXPECT_THAT(error_of(R"({"global_step": "1"})"), testing::HasSubstr("global_step is a string, expected an integer"));
  EXPECT_THAT(error_of("[]"), testing::HasSubstr("is a list"));
}

}  // namespace
}  // namespace trainer::trainer_state_test
