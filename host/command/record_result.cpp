// SPDX-License-Identifier: Apache-2.0
#include "command/record_result.hpp"

#include <ATen/ATen.h>
#include <torch/version.h>

#include <algorithm>

#include "base/directory_lock.hpp"
#include "run/moments_file.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/error.hpp"
#include "trainer/version.hpp"

namespace trainer::command {
namespace {

json::array files_below(const std::filesystem::path& root) {
  std::vector<std::string> names;
  std::error_code ec;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root, ec))
    if (entry.is_regular_file() && entry.path().filename() != DirectoryLock::file_name &&
        entry.path().filename() != moments_file::file_name)
      names.push_back(entry.path().lexically_relative(root).generic_string());
  std::sort(names.begin(), names.end());
  return json::array(names.begin(), names.end());
}

json::array costs_of(const CallbackHandler& handler) {
  json::array out;
  for (const auto& entry : handler.entries())
    out.push_back(json::object{{"name", entry->name},
                               {"calls", entry->cost.calls},
                               {"errors", entry->cost.errors},
                               {"seconds", entry->cost.seconds}});
  return out;
}

}  // namespace

json::value tensor_to_json(const at::Tensor& tensor) {
  if (!tensor.defined()) return nullptr;
  if (tensor.dim() == 0) {
    if (tensor.is_floating_point()) return tensor.item<double>();
    return tensor.item<std::int64_t>();
  }
  json::array out;
  for (std::int64_t i = 0; i < tensor.size(0); ++i) out.push_back(tensor_to_json(tensor[i]));
  return out;
}

void record_result(const std::filesystem::path& directory, const Trainer* trainer, const json::array& actions,
                   std::int64_t failed_action, const std::exception* error) {
  json::object result{{"actions", actions}, {"error", nullptr}};
  if (error) {
    const bool ours = dynamic_cast<const Error*>(error) != nullptr;
    result["error"] = json::object{
        {"action", failed_action}, {"type", ours ? "trainer::Error" : "std::exception"}, {"message", error->what()}};
  }
  json::object weights;
  if (trainer) {
    ResultFile(directory / state_file, "--record").write(trainer->state().to_json_string());
    for (const auto& [name, tensor] : state_dict(trainer->model().module()))
      weights.emplace(name, tensor_to_json(tensor.detach().cpu()));
  }
  result.emplace("files", trainer ? files_below(trainer->args().output_dir) : json::array{});
  result.emplace("final_weights", std::move(weights));
  result.emplace("callbacks", trainer ? costs_of(trainer->callback_handler()) : json::array{});
  result.emplace("versions", json::object{{"libtrainer", version}, {"libtorch", TORCH_VERSION}});
  ResultFile(directory / "result.json", "--record").write(json::dump(result, {.indent = 1}) + "\n");
}

namespace {

// A cell with quotes where its text would end it.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",;\t\"\r\n") == text.npos && text.substr(0, 1) != " ") return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string class_cell(const ClassNames& classes, std::int64_t label) {
  return label >= 0 && label < classes.size() ? quoted(classes.name(label)) : std::to_string(label);
}

std::string predictions_text(const PredictionOutput& result, const ClassNames& classes, bool probabilities) {
  if (!result.predictions.defined())
    throw_run(error_id::data_invalid, "the model gave no predictions; is data.test empty?");
  const auto logits = result.predictions.reshape({result.predictions.size(0), -1}).to(at::kDouble).contiguous();
  const std::int64_t rows = logits.size(0), columns = logits.size(1);
  std::vector<at::Tensor> written{logits};
  if (probabilities) written.push_back(at::softmax(logits, 1));
  const bool labelled = result.label_ids.defined() && result.label_ids.numel() == rows;
  std::string text = "prediction";
  if (!classes.empty())
    for (std::size_t i = 0; i < written.size(); ++i)
      for (std::int64_t c = 0; c < columns; ++c)
        text +=
            "," + quoted((i ? "probability_" : "logit_") + (c < classes.size() ? classes.name(c) : std::to_string(c)));
  else if (columns > 1)
    for (std::int64_t c = 0; c < columns; ++c) text += (c ? ",prediction_" : "_") + std::to_string(c);
  text += labelled ? ",label\n" : "\n";
  const auto best = logits.argmax(1);
  const auto labels = labelled ? result.label_ids.reshape({-1}) : at::Tensor();
  for (std::int64_t r = 0; r < rows; ++r) {
    std::string line = classes.empty() ? "" : class_cell(classes, best[r].item<std::int64_t>());
    for (const auto& values : written)
      for (std::int64_t c = 0; c < columns; ++c)
        line += (line.empty() ? "" : ",") + json::repr(values.data_ptr<double>()[r * columns + c]);
    if (labelled)
      line += "," + (classes.empty() ? json::dump(tensor_to_json(labels[r]))
                                     : class_cell(classes, labels[r].item<std::int64_t>()));
    text += line + "\n";
  }
  return text;
}

}  // namespace

void write_predictions(const ResultFile& file, const PredictionOutput& result, const ClassNames& classes,
                       bool probabilities) {
  file.write(predictions_text(result, classes, probabilities));
}

}  // namespace trainer::command
