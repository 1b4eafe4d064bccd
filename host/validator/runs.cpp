// SPDX-License-Identifier: Apache-2.0
//
// Plays the events of a run to an instance; makes the runs, and the values that they give.
#include "validator/runs.hpp"

#include "state/checkpoint_names.hpp"

namespace trainer::validator {
namespace {

class Player {
 public:
  Player(Instance& instance, const Run& run) : it_(instance), host_(instance.host), run_(run) {}

  void play() {
    fire(TRAINER_ON_INIT_END);
    if (run_.train) train();
    if (run_.train && run_.twice && !ended_) train();
    if (!run_.train) evaluate();
    if (run_.predict) {
      for (int batch = 0; batch < 2; ++batch) fire(TRAINER_ON_PREDICTION_STEP);
      fire(TRAINER_ON_PREDICT, metrics("test", host_.state.global_step));
    }
  }

 private:
  void fire(std::uint32_t kind, Row values = {}) {
    if (!ended_) it_.fire(kind, std::move(values));
  }

  bool due(bool otherwise) { return run_.random ? (*run_.random)() % 2 == 0 : otherwise; }

  void log(Row logs) {
    Row entry = logs;
    entry.emplace_back("step", Cell(host_.state.global_step));
    host_.log_history.push_back(std::move(entry));
    host_.control.should_log = 0;
    fire(TRAINER_ON_LOG, std::move(logs));
  }

  void evaluate() {
    host_.control.should_evaluate = 0;
    host_.eval_dataloader_size = 2;
    for (int batch = 0; batch < 2; ++batch) fire(TRAINER_ON_PREDICTION_STEP);
    host_.eval_dataloader_size = -1;
    const Row found = metrics("eval", host_.state.global_step);
    log(found);
    fire(TRAINER_ON_EVALUATE, found);
    host_.state.present |= TRAINER_STATE_HAS_BEST_METRIC | TRAINER_STATE_HAS_BEST_GLOBAL_STEP;
    host_.state.best_metric = found[0].second.number;
    host_.state.best_global_step = host_.state.global_step;
  }

  void parts(bool log_due, bool evaluate_due, bool save_due) {
    if (due(log_due)) log(step_logs(host_.state.global_step));
    if (due(evaluate_due)) evaluate();
    if (due(run_.push)) fire(TRAINER_ON_PUSH_BEGIN);
    if (due(save_due)) {
      checkpoint_ = "output/" + checkpoint_name(host_.state.global_step);
      host_.state.best_model_checkpoint = {checkpoint_.data(), checkpoint_.size()};
      host_.state.present |= TRAINER_STATE_HAS_BEST_MODEL_CHECKPOINT;
      host_.control.should_save = 0;
      fire(TRAINER_ON_SAVE);
    }
  }

  void step() {
    trainer_control& control = host_.control;
    control.should_save = control.should_evaluate = control.should_log = 0;
    fire(TRAINER_ON_STEP_BEGIN);
    for (int i = 1; i < run_.accumulation; ++i) fire(TRAINER_ON_SUBSTEP_END);
    fire(TRAINER_ON_PRE_OPTIMIZER_STEP);
    fire(TRAINER_ON_OPTIMIZER_STEP);
    ++host_.state.global_step;
    host_.state.epoch = static_cast<double>(host_.state.global_step) / std::max(1, run_.steps);
    fire(TRAINER_ON_STEP_END);
    if (host_.stop_requests.exchange(0) > 0) control.should_training_stop = 1;
    parts(run_.log, run_.evaluate, run_.save);
    if (run_.random && (*run_.random)() % 64 == 0) ended_ = true;  // the trainer fails here
  }

  void train() {
    trainer_control& control = host_.control;
    host_.state.global_step = 0, host_.state.epoch = 0;
    host_.state.max_steps = std::int64_t{run_.epochs} * run_.steps;
    host_.state.num_train_epochs = run_.epochs;
    host_.train_dataloader_size = std::int64_t{run_.steps} * run_.accumulation;
    host_.has = TRAINER_EVENT_HAS_OPTIMIZER | TRAINER_EVENT_HAS_LR_SCHEDULER | TRAINER_EVENT_HAS_TRAIN_DATALOADER;
    control.should_training_stop = 0;
    fire(TRAINER_ON_TRAIN_BEGIN);
    for (int epoch = 0; epoch < run_.epochs && !control.should_training_stop; ++epoch) {
      control.should_epoch_stop = 0;
      fire(TRAINER_ON_EPOCH_BEGIN);
      for (int i = 0; i < run_.steps; ++i) {
        step();
        if (control.should_epoch_stop || control.should_training_stop) break;
      }
      fire(TRAINER_ON_EPOCH_END);
      parts(run_.log_epoch, run_.evaluate_epoch, run_.save_epoch);
    }
    if (!run_.finishes) ended_ = true;
    log(summary());
    fire(TRAINER_ON_TRAIN_END);
  }

  Instance& it_;
  FakeHost& host_;
  const Run& run_;
  std::string checkpoint_;
  bool ended_ = false;
};

}  // namespace

Row step_logs(std::int64_t step) {
  return {{"loss", Cell(1.0 / static_cast<double>(step + 1))},
          {"grad_norm", Cell(0.5)},
          {"learning_rate", Cell(5e-5)},
          {"epoch", Cell(static_cast<double>(step) / 2)}};
}

Row metrics(const std::string& prefix, std::int64_t step) {
  return {{prefix + "_loss", Cell(2.0 / static_cast<double>(step + 1))},
          {prefix + "_runtime", Cell(0.25)},
          {prefix + "_samples_per_second", Cell(64.0)},
          {prefix + "_steps_per_second", Cell(8.0)}};
}

Row summary() {
  return {{"train_runtime", Cell(1.5)},
          {"train_samples_per_second", Cell(32.0)},
          {"train_steps_per_second", Cell(4.0)},
          {"total_flos", Cell(0.0)},
          {"train_loss", Cell(0.5)},
          {"epoch", Cell(2.0)}};
}

bool play(Instance& instance, const Run& run) {
  try {
    Player(instance, run).play();
  } catch (const Refused&) {
    instance.destroy();
    return false;
  }
  instance.destroy();
  return true;
}

std::vector<Run> all_runs() {
  std::vector<Run> runs;
  for (unsigned bits = 0; bits < 1u << 7; ++bits)
    for (const int accumulation : {1, 3})
      for (const bool finishes : {true, false}) {
        Run run;
        run.log = bits & 1, run.evaluate = bits & 2, run.save = bits & 4, run.push = bits & 8;
        run.log_epoch = bits & 16, run.evaluate_epoch = bits & 32, run.save_epoch = bits & 64;
        run.accumulation = accumulation, run.finishes = finishes;
        runs.push_back(run);
      }
  for (const bool predict : {false, true})
    for (const int epochs : {0, 1, 3})
      for (const int steps : {0, 1, 4})
        for (const bool twice : {false, true}) {
          Run run;
          run.epochs = epochs, run.steps = steps, run.predict = predict, run.twice = twice;
          runs.push_back(run);
        }
  Run alone;
  alone.train = false;
  runs.push_back(alone);
  alone.predict = true;
  runs.push_back(alone);
  return runs;
}

Run random_run(Random& random) {
  Run run;
  run.epochs = static_cast<int>(random() % 4), run.steps = static_cast<int>(random() % 5);
  run.accumulation = 1 + static_cast<int>(random() % 3);
  run.train = random() % 8 != 0, run.predict = random() % 3 == 0, run.twice = random() % 5 == 0;
  run.finishes = random() % 4 != 0;
  run.random = &random;
  return run;
}

}  // namespace trainer::validator
