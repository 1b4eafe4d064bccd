// SPDX-License-Identifier: Apache-2.0
//
// The plugin in a process of its own: what it takes here it takes there.
#include "isolation/isolated_entry.hpp"
#include "loading/trainer_program.hpp"
#include "trainer/callback_handler.hpp"
#include "validator/catalogue.hpp"
#include "validator/heard_line.hpp"
#include "validator/runs.hpp"

namespace trainer::validator {
namespace {

constexpr double longest_answer_s = 20;

json::object values_of(const Row& row) {
  json::object out;
  for (const auto& [name, cell] : row)
    out.emplace(name, cell.type == TRAINER_INTEGER ? json::value(cell.integer) : json::value(cell.number));
  return out;
}

// A run of two epochs that logs, evaluates and saves in each step.
class IsolatedRun {
 public:
  explicit IsolatedRun(Subject& subject) {
    state_.max_steps = 4, state_.num_train_epochs = 2, state_.train_batch_size = 8;
    state_.compute_steps(args_, state_.max_steps);
    auto process = std::make_shared<isolation::PluginProcess>(
        subject.file(), Isolation{.timeout = longest_answer_s, .shutdown_timeout = longest_answer_s}, context_);
    handler_.add(make_isolated_entry(std::move(process), subject.default_config(), OnError::fail, context_,
                                     "the configuration"));
  }

  void play() {
    fire(TRAINER_ON_INIT_END);
    fire(TRAINER_ON_TRAIN_BEGIN);
    for (int epoch = 0; epoch < 2; ++epoch) {
      fire(TRAINER_ON_EPOCH_BEGIN);
      for (int i = 0; i < 2; ++i) step();
      fire(TRAINER_ON_EPOCH_END);
    }
    log(summary());
    fire(TRAINER_ON_TRAIN_END);
    fire(TRAINER_ON_PREDICTION_STEP);
    fire(TRAINER_ON_PREDICT, metrics("test", state_.global_step));
    fire(TRAINER_ON_PUSH_BEGIN);
    handler_.collect_states();
  }

 private:
  void fire(std::uint32_t kind, const Row& row = {}) {
    json::object values = values_of(row);
    handler_.call_event(kind, row.empty() ? nullptr : &values);
  }
  void log(const Row& row) {
    json::object entry = values_of(row);
    entry.emplace("step", state_.global_step);
    state_.log_history.push_back(std::move(entry));
    fire(TRAINER_ON_LOG, row);
  }
  void step() {
    for (const auto kind :
         {TRAINER_ON_STEP_BEGIN, TRAINER_ON_SUBSTEP_END, TRAINER_ON_PRE_OPTIMIZER_STEP, TRAINER_ON_OPTIMIZER_STEP})
      fire(kind);
    ++state_.global_step;
    state_.epoch = static_cast<double>(state_.global_step) / 2;
    fire(TRAINER_ON_STEP_END);
    log(step_logs(state_.global_step));
    fire(TRAINER_ON_PREDICTION_STEP);
    log(metrics("eval", state_.global_step));
    fire(TRAINER_ON_EVALUATE, metrics("eval", state_.global_step));
    fire(TRAINER_ON_SAVE);
  }

  TrainingArguments args_ = run_arguments();
  TrainerState state_;
  TrainerControl control_;
  HostContext context_{.args = &args_, .state = &state_, .model_config_json = "{}"};
  CallbackHandler handler_{args_, state_, control_};
};

// Why it failed there; empty when it did not.
std::string failure_in_isolation(Subject& subject) {
  const HeardLine heard([](log::Level, std::string_view line) { return line.find("[isolation.") != line.npos; });
  try {
    IsolatedRun(subject).play();
  } catch (const Error& e) {
    if (subject.refused == 0) return e.what();
  }
  return heard.last();
}

void own_process(Subject& subject) {
  if (find_trainer().empty()) throw Skip("there is no command `trainer` here that could run it");
  try {
    Instance here(subject);
    validator::play(here, Run{});
  } catch (const Refused&) {
  }
  subject.require_accepted();
  const std::string failure = failure_in_isolation(subject);
  if (!failure.empty()) throw Failure("in a process of its own: " + failure);
}

}  // namespace

Entries isolation_tests() {
  return {{{"use.isolation", "works in a process of its own as in the trainer's", 60}, own_process}};
}

}  // namespace trainer::validator
