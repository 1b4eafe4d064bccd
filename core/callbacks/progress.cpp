// SPDX-License-Identifier: Apache-2.0
//
// ProgressCallback: bars of training and evaluation, and each log as a line.
#include <trainer/callback.h>

#include <optional>

#include "base/terminal.hpp"
#include "callbacks/native_event.hpp"
#include "callbacks/progress_bar.hpp"
#include "trainer/builtin_callbacks.hpp"
#include "trainer/console.hpp"
#include "trainer/files.hpp"

namespace trainer {
namespace {

// Written against the C table itself, because only the event tells the size of the eval loader.
struct ProgressEntry final : CallbackEntry {
  ProgressEntry() {
    name = "progress";
    class_name = "ProgressCallback";
    slots.struct_size = sizeof slots;
    slots.data = this;
    slots.on_log = &on_log;
    slots.on_train_begin = &on_train_begin;
    slots.on_train_end = &on_train_end;
    if (is_terminal(2)) {  // without a terminal no bars, and then no event of each step either
      slots.on_step_end = &on_step_end;
      slots.on_prediction_step = &on_prediction_step;
      slots.on_evaluate = slots.on_predict = &on_evaluation_end;
    }
    table = &slots;
  }

  static ProgressEntry& of(trainer_callback* self) { return *static_cast<ProgressEntry*>(self->data); }
  static bool quiet(const trainer_event* e) { return !e->state->is_world_process_zero; }

  static std::int32_t on_train_begin(trainer_callback* self, const trainer_event* e) {
    if (quiet(e)) return TRAINER_OK;
    of(self).training = true;
    if (is_terminal(2)) of(self).train_bar.emplace(e->state->max_steps, true);
    return TRAINER_OK;
  }
  static std::int32_t on_step_end(trainer_callback* self, const trainer_event* e) {
    if (of(self).train_bar) of(self).train_bar->advance_to(e->state->global_step);
    return TRAINER_OK;
  }
  static std::int32_t on_prediction_step(trainer_callback* self, const trainer_event* e) {
    if (quiet(e) || e->eval_dataloader_size < 0) return TRAINER_OK;
    auto& bar = of(self).eval_bar;
    if (!bar) bar.emplace(e->eval_dataloader_size, !of(self).train_bar);
    bar->advance_to(bar->n() + 1);
    return TRAINER_OK;
  }
  static std::int32_t on_evaluation_end(trainer_callback* self, const trainer_event*) {
    of(self).eval_bar.reset();
    return TRAINER_OK;
  }
  static std::int32_t on_log(trainer_callback* self, const trainer_event* event) {
    // As in transformers, a log outside of training is not shown.
    const auto& logs = *static_cast<const NativeEvent*>(event)->native_values;
    ProgressEntry& p = of(self);
    if (quiet(event) || !p.training) return TRAINER_OK;
    console::print(log_line(logs, true));
    return TRAINER_OK;
  }
  static std::int32_t on_train_end(trainer_callback* self, const trainer_event*) {
    of(self).training = false;
    of(self).train_bar.reset();
    return TRAINER_OK;
  }

  trainer_callback slots{};
  bool training = false;
  std::optional<ProgressBar> train_bar, eval_bar;
};

}  // namespace

std::shared_ptr<CallbackEntry> make_progress_entry() { return std::make_shared<ProgressEntry>(); }

}  // namespace trainer
