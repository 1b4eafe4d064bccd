// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <trainer/event.h>

#include "trainer/callback_context.hpp"

namespace trainer {

/// The event as in-process callbacks get it: the C view, and the objects behind it.
struct NativeEvent : trainer_event {
  const TrainingArguments* native_args = nullptr;
  const TrainerState* native_state = nullptr;
  TrainerControl* native_control = nullptr;
  json::object* native_values = nullptr;
  const CallbackObjects* objects = nullptr;

  /// Made for each callback, as one before it may have begun another evaluation.
  CallbackContext context() const {
    return {.args = *native_args,
            .state = *native_state,
            .control = *native_control,
            .model = objects->model,
            .processing_class = objects->processing_class.has_value() ? &objects->processing_class : nullptr,
            .optimizer = objects->optimizer,
            .lr_scheduler = objects->lr_scheduler,
            .train_dataloader = objects->train_dataloader,
            .eval_dataloader = objects->eval_dataloader.get(),
            .eval_dataloader_size = objects->eval_dataloader_size,
            .logs = kind == TRAINER_ON_LOG ? native_values : nullptr,
            .metrics = kind == TRAINER_ON_LOG ? nullptr : native_values};
  }
};

}  // namespace trainer
