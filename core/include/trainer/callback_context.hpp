// SPDX-License-Identifier: Apache-2.0
//
// What a callback gets in each event, and where a run keeps it.
#pragma once

#include <any>
#include <cstdint>
#include <memory>

#include "trainer/json.hpp"

namespace trainer {

class DataLoader;
class LRScheduler;
class Model;
class Optimizer;
struct TrainerControl;
struct TrainerState;
struct TrainingArguments;

/// What callbacks may reach of a run, as the attributes of transformers' CallbackHandler. The Trainer sets a member
/// when the thing comes to exist, and it stays what it is until there is another. Not owned, but the eval dataloader.
struct CallbackObjects {
  Model* model = nullptr;
  std::any processing_class;  ///< TrainerOptions.processing_class
  Optimizer* optimizer = nullptr;
  LRScheduler* lr_scheduler = nullptr;
  DataLoader* train_dataloader = nullptr;
  std::int64_t train_dataloader_size = -1;      ///< its batches; -1 without one, or when it cannot tell
  std::shared_ptr<DataLoader> eval_dataloader;  ///< of the last evaluation or prediction
  std::int64_t eval_dataloader_size = -1;       ///< its batches; -1 without one, or when it cannot tell

  std::uint32_t has() const;  ///< TRAINER_EVENT_HAS_... bits (event.h)
};

/// The one argument of all sixteen events. What is a pointer is null where the run has no such thing yet:
///
///   model, processing_class              always, when the Trainer was given them
///   optimizer, lr_scheduler,             from on_train_begin of the first train() on, and after it; an optimizer or
///   train_dataloader                     scheduler that the Trainer was given always
///   eval_dataloader                      from the first on_prediction_step on
///   logs                                 in on_log
///   metrics                              in on_evaluate and on_predict
///
/// Valid while the event lasts; the loaders until the callback itself begins another evaluation or training. A callback
/// may keep model, optimizer and scheduler from on_train_begin to on_train_end.
struct CallbackContext {
  const TrainingArguments& args;
  const TrainerState& state;
  TrainerControl& control;  ///< the flags may be set in every event
  Model* model = nullptr;
  const std::any* processing_class = nullptr;
  Optimizer* optimizer = nullptr;
  LRScheduler* lr_scheduler = nullptr;
  DataLoader* train_dataloader = nullptr;
  DataLoader* eval_dataloader = nullptr;
  std::int64_t eval_dataloader_size = -1;  ///< its batches; -1 without one, or when it cannot tell
  json::object* logs = nullptr;            ///< shared by all callbacks; state.log_history has its copy already
  json::object* metrics = nullptr;         ///< shared by all callbacks, and what the caller gets

  /// The processing class as what it was given as; null when it is none or of another type.
  template <typename T>
  const T* get_processing_class() const {
    return std::any_cast<T>(processing_class);
  }
};

}  // namespace trainer
