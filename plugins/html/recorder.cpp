// SPDX-License-Identifier: Apache-2.0
#include "recorder.hpp"

#include <trainer/ext/parameters.h>

#include <filesystem>
#include <trainer/sdk/path.hpp>

#include "shared/json_tree/json_tree.hpp"
#include "shared/run_config/run_config.hpp"
#include "shared/system/clock.hpp"

namespace trainer::html {
namespace {

constexpr std::size_t most_tensors = 500;  // of which the page tells the shape

std::string dtype_name(const trainer_tensor& tensor) {
  static constexpr const char* names[] = {"int", "uint", "float", "", "bfloat", "", "bool"};
  const std::string name = tensor.dtype_code < std::size(names) ? names[tensor.dtype_code] : "";
  return name == "bool" ? name : name + std::to_string(tensor.dtype_bits);
}

void record_parameters(report::Run& run, const sdk::Host& host) {
  run.parameters.clear();
  run.parameter_tensors = run.parameter_elements = 0;
  plugins::for_each_parameter(host, [&](std::string_view name, const trainer_tensor& tensor, std::int64_t elements) {
    run.parameter_elements += elements;
    ++run.parameter_tensors;
    if (run.parameters.size() < most_tensors)
      run.parameters.push_back({std::string(name), {tensor.shape, tensor.shape + tensor.ndim}, dtype_name(tensor)});
  });
}

std::string text_of(const sdk::Value& value) {
  std::string text;
  if (value.is_string())
    text = value.text();
  else
    plugins::append_json(text, value, false);
  return text;
}

}  // namespace

void record_setting(report::Run& run, const sdk::Host& host) {
  std::filesystem::path output_dir =
      std::filesystem::absolute(sdk::path_of(host.argument("output_dir").text())).lexically_normal();
  if (!output_dir.has_filename()) output_dir = output_dir.parent_path();  // "out/"
  run.directory = sdk::text_of(output_dir);
  run.arguments.clear();
  const plugins::JsonTree arguments = plugins::parse_json(host.arguments_json());
  for (std::size_t i = 0; i < arguments.keys.size(); ++i) {
    std::string value;
    plugins::append_json(value, arguments.items[i], plugins::Escape::utf8, false);
    run.arguments.emplace_back(arguments.keys[i], std::move(value));
  }
  const plugins::JsonTree* name = arguments.find("run_name");
  const bool named = name != nullptr && name->kind == plugins::JsonTree::Kind::string && !name->text.empty();
  run.name = named ? name->text : sdk::text_of(output_dir.filename());
  run.model_config = host.model_config_json();
  record_parameters(run, host);
}

void record_state(report::Run& run, const sdk::State& state) {
  run.updated = plugins::seconds_now();
  run.global_step = state.global_step;
  run.max_steps = state.max_steps;
  run.num_train_epochs = state.num_train_epochs;
  run.num_input_tokens_seen = state.num_input_tokens_seen;
  run.epoch = state.epoch;
  run.total_flos = state.total_flos;
  run.best_metric.reset();
  run.best_global_step.reset();
  if ((state.present & TRAINER_STATE_HAS_BEST_METRIC) != 0) run.best_metric = state.best_metric;
  if ((state.present & TRAINER_STATE_HAS_BEST_GLOBAL_STEP) != 0) run.best_global_step = state.best_global_step;
  run.best_model_checkpoint = sdk::view(state.best_model_checkpoint);
}

void record_log(report::Run& run, std::int64_t step, double epoch, const sdk::Map& logs) {
  logs.for_each([&](std::string_view key, const sdk::Value& value) {
    if (key == "epoch" || key == "step" || value.is_null()) return;
    if (value.is_number())
      run.curve(key).add({step, epoch, value.number()});
    else
      run.text(key, text_of(value));
  });
}

void record_history(report::Run& run, const sdk::Host& host, std::int64_t last_step) {
  const std::uint64_t size = host.log_history_size();
  for (std::uint64_t i = 0; i < size; ++i) {
    const sdk::Map entry = host.log_history_at(i);
    const auto step = entry.get("step");
    const std::int64_t at = step ? step->integer() : 0;
    if (at > last_step) continue;
    const auto epoch = entry.get("epoch");
    record_log(run, at, epoch ? epoch->number() : 0, entry);
  }
}

}  // namespace trainer::html
