// SPDX-License-Identifier: Apache-2.0
//
// Logs and states with values at their limits.
#include <cmath>
#include <limits>

#include "validator/catalogue.hpp"
#include "validator/runs.hpp"

namespace trainer::validator {
namespace {

constexpr int many_keys = 100'000;

std::vector<Cell> extremes() {
  using D = std::numeric_limits<double>;
  using I = std::numeric_limits<std::int64_t>;
  std::vector<Cell> cells{Cell(),
                          Cell(true),
                          Cell(I::min()),
                          Cell(I::max()),
                          Cell(std::nan("")),
                          Cell(-std::nan("")),
                          Cell(D::infinity()),
                          Cell(-D::infinity()),
                          Cell(D::max()),
                          Cell(D::lowest()),
                          Cell(D::denorm_min()),
                          Cell(-0.0),
                          Cell(1e308),
                          Cell(""),
                          Cell("%s%n%99999d"),
                          Cell(std::string("nul\0nul", 7)),
                          Cell("line\nline\r\t\x01\x7f"),
                          Cell("\xf0\x9f\x98\x80"),
                          Cell(std::string(1 << 16, 'x')),
                          sdk::testing::json_cell("[]"),
                          sdk::testing::json_cell("{\"a\": [NaN, 1e999, null]}")};
  return cells;
}

const std::vector<std::string>& odd_keys() {
  static const std::vector<std::string> keys{
      "",       "loss",  "eval_loss", "a/b/../c",  ",\";\n", std::string("k\0k", 3), "\xe2\x82\xac", "step", "epoch",
      "train_", "eval_", "test_",     "__proto__", " ",      std::string(4096, 'k')};
  return keys;
}

void extreme(Subject& subject) {
  const auto cells = extremes();
  for (const auto kind : {TRAINER_ON_LOG, TRAINER_ON_EVALUATE, TRAINER_ON_PREDICT})
    for (const auto& key : odd_keys()) {
      if (!subject.time_left()) break;
      try {
        Instance instance(subject);
        instance.fire(TRAINER_ON_INIT_END);
        instance.fire(TRAINER_ON_TRAIN_BEGIN);
        for (const auto& cell : cells) {
          ++instance.host.state.global_step;
          instance.fire(kind, {{"loss", Cell(0.5)}, {key == "loss" ? "loss2" : key, cell}});
        }
        instance.fire(kind, {});
        instance.fire(TRAINER_ON_TRAIN_END);
      } catch (const Refused&) {
      }
    }
  subject.require_accepted();
  subject.detail = std::to_string(subject.accepted) + " calls, " + std::to_string(subject.refused) + " refused";
}

void extreme_state(Subject& subject) {
  using I = std::numeric_limits<std::int64_t>;
  using D = std::numeric_limits<double>;
  for (const double number : {D::quiet_NaN(), D::infinity(), -1.0, 0.0, D::max(), D::denorm_min()})
    for (const std::int64_t integer : {I::min(), std::int64_t{-1}, std::int64_t{0}, I::max()}) {
      if (!subject.time_left()) break;
      try {
        Instance instance(subject);
        trainer_state& state = instance.host.state;
        state.present = 31;
        state.epoch = state.total_flos = state.best_metric = number;
        state.logging_steps = state.eval_steps = state.save_steps = number;
        state.global_step = state.max_steps = state.num_train_epochs = state.train_batch_size = integer;
        state.num_input_tokens_seen = state.best_global_step = integer;
        const std::string path(10'000, '/');
        state.best_model_checkpoint = state.trial_name = {path.data(), path.size()};
        for (std::uint32_t kind = 0; kind < TRAINER_EVENT_COUNT; ++kind)
          if (kind != TRAINER_ON_TRAIN_END) instance.fire(kind, step_logs(1));
        instance.fire(TRAINER_ON_TRAIN_END);
      } catch (const Refused&) {
      }
    }
  subject.require_accepted();
}

// As many names as there can be, at once and one after another.
void very_many_keys(Subject& subject) {
  try {
    Instance instance(subject);
    if (!instance.subscribed(TRAINER_ON_LOG)) throw Skip("the plugin does not listen to on_log");
    instance.fire(TRAINER_ON_INIT_END);
    instance.fire(TRAINER_ON_TRAIN_BEGIN);
    Row logs;
    logs.reserve(many_keys);
    for (int i = 0; i < many_keys; ++i) logs.emplace_back("key_" + std::to_string(i), Cell(i * 0.5));
    instance.fire(TRAINER_ON_LOG, logs);
    int more = 0;
    for (; more < 20 && (more < 2 || subject.time_left()); ++more) {
      ++instance.host.state.global_step;
      instance.fire(TRAINER_ON_LOG, {{"other_" + std::to_string(more), Cell(1.0)}});
    }
    instance.fire(TRAINER_ON_TRAIN_END);
    subject.detail = std::to_string(many_keys) + " keys at once, " + std::to_string(more) + " one by one";
  } catch (const Refused&) {
    subject.require_accepted();
    subject.detail = "refused: " + subject.refusal;
  }
}

}  // namespace

Entries value_tests() {
  return {
      {{"values.extreme", "logs and metrics with extreme values and odd names", 60}, extreme},
      {{"values.state", "a state with extreme values", 60}, extreme_state},
      {{"values.many-keys", "a hundred thousand names in a log", 60}, very_many_keys},
  };
}

}  // namespace trainer::validator
