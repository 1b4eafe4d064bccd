// SPDX-License-Identifier: Apache-2.0
//
// callback.hpp - what a plugin derives from: TrainerCallback with its sixteen events, Stateful, Console, HasResults,
// SeesOutcome, KeepsFiles.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <trainer/event.h>
#include <trainer/ext/checkpoint.h>
#include <trainer/ext/console.h>
#include <trainer/ext/outcome.h>
#include <trainer/ext/ranks.h>
#include <trainer/ext/results.h>

#include <trainer/sdk/host.hpp>

namespace trainer::sdk {

/// The arguments of the run, as the events hand them over: args["learning_rate"].number().
class Arguments {
 public:
  explicit Arguments(const Host& host) : host_(host) {}
  Value operator[](std::string_view name) const { return host_.argument(name); }
  std::string_view to_json_string() const { return host_.arguments_json(); }

 private:
  const Host& host_;
};

using State = trainer_state;      // state.global_step, state.epoch, ... (state.h)
using Control = trainer_control;  // control.should_training_stop = 1, ... (control.h)

/// transformers' TrainerCallback: override what you need. An exception ends the run, or disables
/// the plugin, as the run's "on_error" says.
class TrainerCallback {
 public:
  using Arguments = sdk::Arguments;
  using State = sdk::State;
  using Control = sdk::Control;
  using Map = sdk::Map;

  virtual ~TrainerCallback() = default;

  virtual void on_init_end(const Arguments&, const State&, Control&) {}
  virtual void on_train_begin(const Arguments&, const State&, Control&) {}
  virtual void on_train_end(const Arguments&, const State&, Control&) {}
  virtual void on_epoch_begin(const Arguments&, const State&, Control&) {}
  virtual void on_epoch_end(const Arguments&, const State&, Control&) {}
  virtual void on_step_begin(const Arguments&, const State&, Control&) {}
  virtual void on_pre_optimizer_step(const Arguments&, const State&, Control&) {}
  virtual void on_optimizer_step(const Arguments&, const State&, Control&) {}
  virtual void on_substep_end(const Arguments&, const State&, Control&) {}
  virtual void on_step_end(const Arguments&, const State&, Control&) {}
  virtual void on_evaluate(const Arguments&, const State&, Control&, Map& /*metrics*/) {}
  virtual void on_predict(const Arguments&, const State&, Control&, Map& /*metrics*/) {}
  virtual void on_save(const Arguments&, const State&, Control&) {}
  virtual void on_log(const Arguments&, const State&, Control&, Map& /*logs*/) {}
  virtual void on_prediction_step(const Arguments&, const State&, Control&) {}
  virtual void on_push_begin(const Arguments&, const State&, Control&) {}

  /// Batches of an epoch that this process trains on, and of the evaluation that goes on (event.h); -1 where nobody
  /// knows, and of the first also when the host is older than 1.1. Only during an event.
  std::int64_t train_dataloader_size() const {
    const bool known = event_ != nullptr && TRAINER_OFFERS(event_, trainer_event, train_dataloader_size);
    return known ? event_->train_dataloader_size : -1;
  }
  std::int64_t eval_dataloader_size() const { return event_ == nullptr ? -1 : event_->eval_dataloader_size; }

  /// A tracker has one of its own, public too: it throws Unavailable or NotConfigured (ext/tracker.h).
  static void available(const Host&) {}

 private:
  template <typename T>
  friend class Trampoline;
  const trainer_event* event_ = nullptr;
};

/// Also derive from this to have state in checkpoints (ext/state.h).
class Stateful {
 public:
  virtual ~Stateful() = default;
  /// `args`: the configuration to create with; `attributes`: what load_state() gets back.
  virtual void save_state(Map& args, Map& attributes) const = 0;
  virtual void load_state(const Map& attributes) = 0;
  /// Whether this instance has a state at all; asked once, after the constructor.
  virtual bool has_state() const { return true; }
  /// The name it is kept under, when that is not the note's "class"; stays valid as long as this.
  virtual std::string_view state_class() const { return {}; }
};

/// Also derive from this to see the lines that the run prints (ext/console.h): from any thread, one
/// at a time; must not log.
class Console {
 public:
  virtual ~Console() = default;
  /// `stream` is TRAINER_STDOUT or TRAINER_STDERR.
  virtual void on_line(std::uint32_t stream, std::string_view text) noexcept = 0;
};

/// Where results of a tracker are, and how to look at them (ext/results.h).
struct Result {
  std::string label;   ///< "event files"
  std::string place;   ///< a path or a URL; may be empty
  std::string view{};  ///< a command, in which "{place}" stands for the place: "tensorboard --logdir {place}"
};

/// Also derive from this to say where results are: asked at the end of each training.
class HasResults {
 public:
  virtual ~HasResults() = default;
  virtual std::vector<Result> results() const = 0;
};

/// How a training ended (ext/outcome.h); texts are valid while on_outcome() runs.
class Outcome {
 public:
  explicit Outcome(const trainer_outcome& outcome) : outcome_(outcome) {}
  bool is_completed() const { return outcome_.kind == TRAINER_OUTCOME_COMPLETED; }
  bool is_interrupted() const { return outcome_.kind == TRAINER_OUTCOME_INTERRUPTED; }
  bool is_failed() const { return outcome_.kind == TRAINER_OUTCOME_FAILED; }
  bool is_stopped() const { return !is_completed() && !is_interrupted() && !is_failed(); }
  std::int64_t global_step() const { return outcome_.global_step; }
  std::int64_t max_steps() const { return outcome_.max_steps; }
  double epoch() const { return outcome_.epoch; }
  int signal() const { return outcome_.signal; }
  std::string_view by() const { return view(outcome_.by); }        ///< the callback that stopped it; empty: it was none
  std::string_view error() const { return view(outcome_.error); }  ///< of a failed one the sentence
  std::string_view error_id() const { return view(outcome_.error_id); }  ///< "callback.failed"

 private:
  const trainer_outcome& outcome_;
};

/// Also derive from this to be told how each training ended, also one that failed.
class SeesOutcome {
 public:
  virtual ~SeesOutcome() = default;
  virtual void on_outcome(const Outcome& outcome) = 0;
};

/// Also derive from this to keep files in checkpoints (ext/checkpoint.h). Directories are in UTF-8, as path_of() takes
/// them.
class KeepsFiles {
 public:
  virtual ~KeepsFiles() = default;
  /// Into a directory that is empty, and has another name afterwards.
  virtual void save_files(std::string_view directory) = 0;
  /// From the checkpoint that a training resumes from, if it holds files of this; before on_train_begin.
  virtual void load_files(std::string_view directory) = 0;
};

/// In which processes of a run a plugin runs (ext/ranks.h). A class without this in it runs in all:
/// static constexpr auto runs_on = trainer::sdk::RunsOn::world_zero;
enum class RunsOn : std::uint32_t {
  all = TRAINER_RANKS_ALL,
  world_zero = TRAINER_RANKS_WORLD_ZERO,
  local_zero = TRAINER_RANKS_LOCAL_ZERO,
};

/// Thrown by a tracker's `static void available(const Host&)` when it is not configured here: the
/// sentence says the reason and the variable or package to set (ext/tracker.h).
class Unavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The same of a tracker that works all the same when report_to names it; "all" leaves it out.
class NotConfigured : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace trainer::sdk
