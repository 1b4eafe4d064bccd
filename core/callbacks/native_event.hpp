// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <trainer/event.h>

#include "trainer/json.hpp"

namespace trainer {

struct TrainingArguments;
struct TrainerState;
struct TrainerControl;

/// The event as in-process callbacks get it: the C view, and the objects behind it.
struct NativeEvent : trainer_event {
  const TrainingArguments* args = nullptr;
  TrainerState* native_state = nullptr;
  TrainerControl* native_control = nullptr;
  json::object* native_values = nullptr;
};

}  // namespace trainer
