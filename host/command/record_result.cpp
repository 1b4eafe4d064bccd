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
#include "trainer/files.hpp"
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
    trainer->state().save_to_json(directory / state_file);
    for (const auto& [name, tensor] : state_dict(*trainer->model().module))
      weights.emplace(name, tensor_to_json(tensor.detach().cpu()));
  }
  result.emplace("files", trainer ? files_below(trainer->args().output_dir) : json::array{});
  result.emplace("final_weights", std::move(weights));
  result.emplace("callbacks", trainer ? costs_of(trainer->callback_handler()) : json::array{});
  result.emplace("versions", json::object{{"libtrainer", version}, {"libtorch", TORCH_VERSION}});
  replace_file(directory / "result.json", json::dump(result, {.indent = 1}) + "\n");
}

void write_predictions(const std::filesystem::path& file, const PredictionOutput& result, bool classes) {
  if (!result.predictions.defined())
    throw_run(error_id::data_invalid, "the model gave no predictions; is data.test empty?");
  const auto logits = result.predictions.reshape({result.predictions.size(0), -1}).to(at::kDouble).contiguous();
  const std::int64_t columns = logits.size(1);
  std::string text = classes ? "prediction," : "";
  for (std::int64_t c = 0; c < columns; ++c)
    text += (c ? "," : "") + (classes        ? "logit_" + std::to_string(c)
                              : columns == 1 ? std::string("prediction")
                                             : "prediction_" + std::to_string(c));
  const bool labelled = result.label_ids.defined() && result.label_ids.numel() == logits.size(0);
  text += labelled ? ",label\n" : "\n";
  const auto best = logits.argmax(1);
  for (std::int64_t r = 0; r < logits.size(0); ++r) {
    if (classes) text += std::to_string(best[r].item<std::int64_t>()) + ",";
    for (std::int64_t c = 0; c < columns; ++c)
      text += (c ? "," : "") + json::repr(logits.data_ptr<double>()[r * columns + c]);
    if (labelled) text += "," + json::dump(tensor_to_json(result.label_ids.reshape({-1})[r]));
    text += "\n";
  }
  replace_file(file, text);
}

}  // namespace trainer::command
