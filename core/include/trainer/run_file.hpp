// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "trainer/callback_spec.hpp"
#include "trainer/metric_spec.hpp"

namespace trainer {

/// A run as a JSON file: what `trainer train`, `run`, `evaluate` and `predict` take. Paths in it
/// are relative to the file; unknown keys are errors.
struct RunFile {
  struct Model {
    /// "mlp": Linear layers with an activation between two of them; "linear": one Linear layer; "pt2": `file`
    std::string type;
    std::vector<std::int64_t> layers;           ///< widths, [in, hidden ..., out], those of "linear" too
    std::string activation = "relu";            ///< relu, tanh, sigmoid, gelu
    std::filesystem::path file;                 ///< a model that PyTorch exported
    std::map<std::string, std::string> inputs;  ///< of it: input to the column of the data, where they differ
    std::vector<std::string> outputs;           ///< names, of a model that returns a tuple
  };
  struct Data {
    std::filesystem::path train;
    /// One unnamed set, or several by name ("eval_<name>_loss" ...).
    std::vector<std::pair<std::string, std::filesystem::path>> eval;
    std::filesystem::path test;
    /// Instead of `eval`: some rows of `train`, a number of them or a share, as train_test_split() takes it.
    struct Split {
      std::variant<std::int64_t, double> eval;
      std::uint64_t seed = 42;
    };
    std::optional<Split> split;
    std::string target;                ///< the label's column of a CSV file
    std::vector<std::string> targets;  ///< instead: a list of them, which hold numbers
    std::string id;                    ///< a column that names the rows in what predict writes
    std::vector<std::string> drop;     ///< columns that are left out
    /// What stands for a missing cell: nothing, since it is an error, a number, or the column's mean.
    std::optional<double> missing_number;
    bool missing_mean = false;
    char separator = 0;  ///< 0: found in the header
    char decimal = '.';
    /// Rows of several lengths, made one by filling them up.
    struct Collate {
      std::map<std::string, double, std::less<>> pad;  ///< columns, and what fills them
      std::optional<std::int64_t> to;                  ///< the length; without it that of the longest row of a batch
      std::int64_t pad_to_multiple_of = 1;
      bool left = false;  ///< fills before the values, not after them
    };
    std::optional<Collate> collate;

    /// By the name: `.safetensors`, `.jsonl` or "-", a folder of `.npy` files, and CSV.
    enum class Format { csv, safetensors, npy, json_lines };
    static Format format(const std::filesystem::path& file);
    bool has_csv() const;  ///< among the files
  };
  struct Loss {
    /// cross_entropy, binary_cross_entropy_with_logits, mse, l1, huber, smooth_l1; empty for a model that has its own.
    std::string name;
    std::vector<double> weight, pos_weight;  ///< LossOptions of <trainer/loss.hpp>, as the rest
    std::int64_t ignore_index = -100;
    double delta = 1, beta = 1;

    bool of_classes() const { return name == "cross_entropy"; }
    bool binary() const { return name == "binary_cross_entropy_with_logits"; }
    bool of_numbers() const { return !name.empty() && !of_classes() && !binary(); }
  };
  using Callback = PluginCallback;
  struct Action {
    std::string what;  ///< train, evaluate, predict
    /// As parse_resume() gives it; the directory lies below output_dir.
    std::optional<std::string> resume_from_checkpoint;
    json::object args;  ///< with resume_from_checkpoint: arguments that replace those before
  };

  std::filesystem::path path;
  json::object json;  ///< the whole file with the overrides; its paths are absolute
  Model model;
  json::object model_json;  ///< as it stands in the file: the model's configuration
  /// Of an exported model: "update", the step as one call of its code (true in the file), "gradients", or empty: none.
  std::string compiled;
  std::filesystem::path init_from;
  Data data;
  Loss loss;
  std::vector<MetricSpec> metrics;
  json::object args;
  std::vector<Callback> callbacks;
  TrackersSettings trackers;  ///< of those that report_to has as objects; in `args` they are their names
  std::vector<Action> actions;
  bool async_save = false;  ///< see TrainerOptions, as the next two
  std::optional<std::int64_t> log_history_limit;
  bool terminate_on_nan = false;

  /// `overrides`: dotted keys of the file with new values ("data.train", a JSON text or plain
  /// text), from --set; a path given there is relative to the current directory.
  static RunFile load(const std::filesystem::path& path,
                      const std::vector<std::pair<std::string, std::string>>& overrides = {});
};

/// What a resume_from_checkpoint names: a directory; empty, the newest one, for true; none for false. The words are
/// those of a command line ("True", "no" ...), so a directory of such a name is given as "./no".
std::optional<std::string> parse_resume(std::string_view text);

/// A tracker as report_to of a run file has it: {"name": "mlflow", "isolation": "process"}.
json::object tracker_json(const std::string& name, const TrackerSettings& settings);

/// "fail", "warn", "disable" or "restart"; anything else is an Error.
OnError parse_on_error(const json::value& v, std::string_view where);

}  // namespace trainer
