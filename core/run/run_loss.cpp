// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "run/run_parts.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

// The keys of each loss beside its name.
const std::vector<std::pair<std::string, std::vector<std::string>>> losses{
    {"cross_entropy", {"weight", "ignore_index"}},
    {"binary_cross_entropy_with_logits", {"pos_weight"}},
    {"mse", {}},
    {"l1", {}},
    {"huber", {"delta"}},
    {"smooth_l1", {"beta"}}};

double read_number(const json::value& v, const std::string& place, double least, const char* expected) {
  const double number = v.is_number() ? v.to_number<double>() : std::numeric_limits<double>::quiet_NaN();
  if (!(number >= least && std::isfinite(static_cast<float>(number)))) RunSection::wrong_type(v, place, expected);
  return number;
}

std::vector<double> read_factors(const RunSection& loss, std::string_view key) {
  static const char* expected = "a list of finite numbers from 0";
  std::vector<double> out;
  const auto* factors = loss.find(key);
  if (!factors) return out;
  if (key == "pos_weight" && factors->is_number()) return {read_number(*factors, loss.place(key), 0, expected)};
  if (!factors->is_array() || factors->get_array().empty()) RunSection::wrong_type(*factors, loss.place(key), expected);
  for (const auto& factor : factors->get_array()) out.push_back(read_number(factor, loss.place(key), 0, expected));
  return out;
}

RunFile::Loss read_loss(const json::value& v, const RunSection& root) {
  std::vector<std::string> names;
  for (const auto& [name, keys] : losses) names.push_back(name);
  RunFile::Loss out;
  if (!v.is_object()) {
    if (!v.is_string()) RunSection::wrong_type(v, root.place("loss"), "a name, or an object with \"name\" and options");
    out.name = root.choice("loss", "", names);
    return out;
  }
  const RunSection loss(v, root.place("loss"));
  loss.require("name", "the loss's name");
  out.name = loss.choice("name", "", names);
  for (const auto& [name, keys] : losses) {
    if (name != out.name) continue;
    auto all = keys;
    all.insert(all.begin(), "name");
    loss.allow(all);
  }
  out.weight = read_factors(loss, "weight");
  out.pos_weight = read_factors(loss, "pos_weight");
  if (const auto* ignored = loss.find("ignore_index")) {
    if (!ignored->is_int64()) RunSection::wrong_type(*ignored, loss.place("ignore_index"), "a whole number");
    out.ignore_index = ignored->get_int64();
  }
  constexpr double tiny = std::numeric_limits<double>::min();
  if (const auto* delta = loss.find("delta"))
    out.delta = read_number(*delta, loss.place("delta"), tiny, "a finite number above 0");
  if (const auto* beta = loss.find("beta"))
    out.beta = read_number(*beta, loss.place("beta"), 0, "a finite number from 0");
  return out;
}

// One number is compared with one output, and a class with its own. What columns of tensors hold shows the first batch.
void check_outputs(const RunSection& root, RunFile& run) {
  auto& outputs = run.model.layers.back();
  const auto targets = static_cast<std::int64_t>(std::max<std::size_t>(run.data.targets.size(), 1));
  const bool classes = run.loss.of_classes();
  const bool linear = run.model.type == "linear";
  if (linear && outputs == 0) {
    if (classes)
      throw_usage(error_id::run_file_invalid,
                  root.place("model") + " has no \"out_features\"; add the number of classes");
    outputs = targets;
  }
  const std::string place =
      root.place("model") + (linear ? ".out_features is " : ".layers ends with ") + std::to_string(outputs);
  const std::string change = linear ? "make it " : "end with ";
  if (classes && outputs == 1)
    throw_usage(error_id::run_file_invalid,
                place + ", but loss \"cross_entropy\" needs an output for each class, two at least; " + change +
                    "their number, or set loss to \"binary_cross_entropy_with_logits\" for one of two classes, or to "
                    "\"mse\" if data.target holds numbers");
  if (!classes && run.data.has_csv() && outputs != targets)
    throw_usage(error_id::run_file_invalid,
                place + ", but with loss \"" + run.loss.name +
                    "\" there is an output for each target, and data.target " +
                    (run.data.targets.empty() ? "is one" : "has " + std::to_string(targets)) + "; " + change +
                    std::to_string(targets) + ", or set loss to \"cross_entropy\" if it holds classes");
  if (classes && !run.loss.weight.empty() && static_cast<std::int64_t>(run.loss.weight.size()) != outputs)
    throw_usage(error_id::run_file_invalid, root.place("loss") + ".weight has " +
                                                std::to_string(run.loss.weight.size()) + " numbers, but " + place +
                                                "; give a number for each class");
}

}  // namespace

void read_run_loss(const RunSection& root, RunFile& run) {
  if (run.model.type != "pt2") root.require("loss", "\"loss\": \"mse\", \"cross_entropy\" or another");
  if (const auto* loss = root.find("loss")) run.loss = read_loss(*loss, root);
  if (run.loss.of_classes() && !run.data.targets.empty())
    throw_usage(
        error_id::run_file_invalid,
        root.place("data") + ".target is a list, but loss \"cross_entropy\" has one target; name it as a string");
  if (run.model.type != "pt2") check_outputs(root, run);
}

}  // namespace trainer
