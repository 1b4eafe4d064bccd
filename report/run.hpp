// SPDX-License-Identifier: Apache-2.0
//
// What a report knows of a run. Whoever makes one fills in what it knows; what is empty is left out of the page.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "report/curve.hpp"

namespace trainer::report {

struct Tensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::string dtype;
};

/// Something that happened: a checkpoint (its path), a change of the control, a warning.
struct Note {
  std::int64_t step = 0;
  double epoch = 0;
  std::string text;
};

struct CallbackLine {
  std::string name;
  std::optional<double> seconds;  ///< in all of the run so far
  std::uint64_t calls = 0, errors = 0;
};

/// What a plugin has made of the run: where it is, or a command that shows it, or both.
struct Result {
  std::string label, place, view;
};

struct Run {
  std::string name, directory;
  enum class Status { unknown, running, finished } status = Status::unknown;
  double updated = 0;  ///< seconds since 1970
  std::int64_t global_step = 0, max_steps = 0, num_train_epochs = 0, num_input_tokens_seen = 0;
  double epoch = 0, total_flos = 0;
  std::optional<double> best_metric;
  std::optional<std::int64_t> best_global_step;
  std::string best_model_checkpoint;
  std::optional<double> train_seconds, data_seconds;  ///< of the training, and waiting for data in it

  std::vector<std::pair<std::string, std::string>> arguments;  ///< name, and value as JSON
  std::string model_config;                                    ///< JSON, as the model gives it
  std::vector<Tensor> parameters;                              ///< the first of them
  std::int64_t parameter_tensors = 0, parameter_elements = 0;  ///< all of them; 0: not known
  std::vector<CallbackLine> callbacks;
  std::string costs;  ///< as page_costs() gives them, of a page that this one takes the place of
  std::vector<Result> results;
  std::vector<Note> checkpoints, events, warnings;
  std::uint64_t warnings_left_out = 0;

  Curve time;                                              ///< seconds of training at each log
  std::vector<std::pair<std::string, Curve>> curves;       ///< by name, in the order in which they were first seen
  std::vector<std::pair<std::string, std::string>> texts;  ///< the last of what was logged and is no number
  std::vector<std::string> class_names;                    ///< of a confusion matrix, in the order of its rows

  Curve& curve(std::string_view name);  ///< made when there is none
  const Curve* curve_or_null(std::string_view name) const;
  void text(std::string_view name, std::string_view value);
  void add_warning(Note note);  ///< a hundred are kept

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> index_;
};

}  // namespace trainer::report
