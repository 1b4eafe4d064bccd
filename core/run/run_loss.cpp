// SPDX-License-Identifier: Apache-2.0
#include "run/run_parts.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

std::vector<std::string> read_metrics(const RunSection& root, const std::string& loss) {
  std::vector<std::string> names;
  const auto* metrics = root.find("metrics");
  if (!metrics) return names;
  if (!metrics->is_array()) RunSection::wrong_type(*metrics, root.place("metrics"), "a list");
  for (const auto& metric : metrics->get_array()) {
    names.push_back(RunSection::text_of(metric, root.place("metrics")));
    RunSection::check_choice(names.back(), root.place("metrics"), {"accuracy"});
  }
  if (!names.empty() && loss == "mse")
    throw_usage(error_id::run_file_invalid,
                root.place("metrics") +
                    " asks for accuracy, which needs class labels, but loss is \"mse\"; use "
                    "\"cross_entropy\" or leave the metric out");
  return names;
}

// One target is compared with one output, and a class with its own.
void check_outputs(const RunSection& root, const RunFile& run) {
  const auto outputs = run.model.layers.back();
  const std::string place = root.place("model") + ".layers ends with " + std::to_string(outputs);
  if (run.loss == "mse" && outputs != 1)
    throw_usage(error_id::run_file_invalid, place +
                                                ", but with loss \"mse\" there is one target, data.target; end with "
                                                "1, or set loss to \"cross_entropy\" if it holds classes");
  if (run.loss == "cross_entropy" && outputs == 1)
    throw_usage(error_id::run_file_invalid,
                place +
                    ", but loss \"cross_entropy\" needs an output for each class, two at least; end with their "
                    "number, or set loss to \"mse\" if data.target holds numbers");
}

}  // namespace

void read_run_loss(const RunSection& root, RunFile& run) {
  if (run.model.type != "pt2") root.require("loss", "\"loss\": \"mse\" or \"cross_entropy\"");
  if (root.find("loss")) run.loss = root.choice("loss", "", {"mse", "cross_entropy"});
  if (run.model.type != "pt2") check_outputs(root, run);
  run.metrics = read_metrics(root, run.loss);
}

}  // namespace trainer
