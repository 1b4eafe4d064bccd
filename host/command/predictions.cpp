// SPDX-License-Identifier: Apache-2.0
#include "command/predictions.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdlib>

#include "data/failure.hpp"
#include "formats/safetensors_bytes.hpp"
#include "trainer/error.hpp"
#include "trainer/json_lines_dataset.hpp"

namespace trainer::command {
namespace {

using Kind = Outputs::Kind;

bool is_safetensors(const std::filesystem::path& file) {
  return RunFile::Data::format(file) == RunFile::Data::Format::safetensors;
}

// As transformers' configurations name them.
ClassNames classes_of(const json::object& config) {
  const auto* labels = config.if_contains("id2label");
  if (!labels || !labels->is_object()) return {};
  json::array names;
  for (std::size_t i = 0; i < labels->get_object().size(); ++i) {
    const auto* name = labels->get_object().if_contains(std::to_string(i));
    if (!name || !name->is_string()) return {};
    names.push_back(*name);
  }
  try {
    return ClassNames::from_json(names, "id2label");
  } catch (const Error&) {  // two of one name
    return {};
  }
}

// The whole numbers that texts are; undefined when one is not written as such.
at::Tensor whole_numbers(const std::vector<std::string>& texts) {
  std::vector<std::int64_t> out;
  for (const auto& text : texts) {
    const auto value = std::strtoll(text.c_str(), nullptr, 10);
    if (std::to_string(value) != text) return {};
    out.push_back(value);
  }
  return at::tensor(out, at::kLong);
}

// The class of each place, and what is written where a row was filled up: logits of -100 alone.
at::Tensor predicted(const at::Tensor& logits, bool binary, std::int64_t dimension) {
  if (binary) return logits.gt(0).to(at::kLong);
  return logits.argmax(dimension).masked_fill_(logits.eq(-100).all(dimension), -100);
}

void check_columns(const std::filesystem::path& csv, const at::Tensor& predictions) {
  if (predictions.defined() && predictions.dim() > 2)
    throw_usage(error_id::command_usage, "--output " + csv.string() + ": the predictions have the shape " +
                                             shape_text(predictions.sizes()) +
                                             ", more than the columns of a CSV file hold; name a .safetensors file");
}

void write_tensors(const ResultFile& file, const PredictionOutput& result, const Outputs& outputs, const RowIds& ids) {
  const at::Tensor& logits = result.predictions;
  NamedTensors tensors;
  if (outputs.kind == Kind::numbers) {
    tensors.emplace_back("prediction", logits);
  } else {
    const bool binary = outputs.kind == Kind::binary;
    const auto dimension = class_dimension(logits);
    tensors.emplace_back("logits", logits);
    tensors.emplace_back("prediction", predicted(logits, binary, dimension));
    if (outputs.probabilities)
      tensors.emplace_back("probabilities", binary ? logits.sigmoid() : logits.softmax(dimension));
  }
  if (result.label_ids.defined()) tensors.emplace_back("labels", result.label_ids);
  if (!ids.name.empty()) {
    if (std::any_of(tensors.begin(), tensors.end(), [&](const auto& tensor) { return tensor.first == ids.name; }))
      refuse_id_name(ids.name);
    const at::Tensor values = ids.values.defined() ? ids.values : whole_numbers(ids.texts);
    tensors.emplace_back(ids.name, values.slice(0, 0, logits.size(0)));
  }
  std::map<std::string, std::string> metadata;
  if (!outputs.names.empty())
    metadata.emplace("targets", json::dump(json::array(outputs.names.begin(), outputs.names.end())));
  if (!outputs.classes.empty()) {
    json::array names;
    for (std::int64_t i = 0; i < outputs.classes.size(); ++i) names.emplace_back(outputs.classes.name(i));
    metadata.emplace("classes", json::dump(names));
  }
  std::string bytes;
  write_safetensors(tensors, metadata, file.path().string(), [&](std::string_view piece) { bytes += piece; });
  file.write(bytes);
}

}  // namespace

Outputs outputs_of(const RunFile& run, const ClassNames& classes, const Model& model,
                   const std::string& probabilities) {
  Outputs out{.classes = classes, .names = run.data.targets, .probabilities = !probabilities.empty()};
  std::string fitting;
  if (run.loss.of_classes() || (run.loss.name.empty() && !classes.empty())) {
    fitting = "softmax";
  } else if (run.loss.binary()) {
    fitting = "sigmoid";
  } else if (run.loss.of_numbers()) {
    if (!probabilities.empty())
      throw_usage(error_id::command_usage, "--probabilities needs classes, but " + run.path.string() + " has loss \"" +
                                               run.loss.name + "\"; leave the option out");
  } else if (probabilities == "true") {
    throw_usage(error_id::command_usage,
                "--probabilities: the model has a loss of its own, which does not say what its logits are; give "
                "--probabilities=softmax, or =sigmoid where each output is a yes or no");
  } else {
    fitting = probabilities;
  }
  if (!probabilities.empty() && probabilities != "true" && probabilities != fitting)
    throw_usage(error_id::command_usage, "--probabilities=" + probabilities + " does not fit the loss \"" +
                                             run.loss.name + "\", whose probabilities are the " + fitting +
                                             " of the logits; leave the value out");
  out.kind = fitting == "softmax" ? Kind::classes : fitting == "sigmoid" ? Kind::binary : Kind::numbers;
  if (out.kind == Kind::classes && classes.empty()) out.classes = classes_of(model.config());
  return out;
}

void check_output(const std::filesystem::path& output, Trainer& trainer, const std::shared_ptr<AnyDataset>& test) {
  const std::string ending = output.extension().string();
  if (is_safetensors(output)) return;
  if (!ending.empty() && ending != ".csv" && ending != ".txt")
    throw_usage(error_id::command_usage, "--output " + output.string() + " ends in \"" + ending +
                                             "\", a kind of file that is not written; name a .csv or a "
                                             ".safetensors file");
  // What a pipe has given is gone.
  const auto* stream = dynamic_cast<const JsonLinesDataset*>(test.get());
  if (!test || (stream && stream->reads_once())) return;
  const auto loader = trainer.get_test_dataloader(test);
  loader->begin_epoch(0);
  auto batch = loader->next();
  if (!batch) return;
  trainer.model().module().eval();
  check_columns(output, trainer.prediction_step(std::move(*batch), false).logits);
}

void check_ids(const std::filesystem::path& output, const RowIds& ids) {
  if (is_safetensors(output) && !ids.values.defined() && !whole_numbers(ids.texts).defined())
    throw_usage(error_id::command_usage, "data.id is \"" + ids.name + "\", a column of texts, which " +
                                             output.string() + " cannot have; name a CSV file");
  if (!is_safetensors(output) && ids.values.defined() && ids.values.dim() != 1)
    throw_usage(error_id::command_usage, "data.id is \"" + ids.name +
                                             "\", which has several numbers a row, and a column "
                                             "of " +
                                             output.string() + " has one; name a .safetensors file");
}

void write_predictions(const ResultFile& file, const PredictionOutput& result, const Outputs& outputs,
                       const RowIds& ids) {
  if (!result.predictions.defined())
    throw_run(error_id::data_invalid, "the model gave no predictions; is data.test empty?");
  if (is_safetensors(file.path())) return write_tensors(file, result, outputs, ids);
  check_columns(file.path(), result.predictions);
  file.write(prediction_table(result, outputs, ids));
}

}  // namespace trainer::command
