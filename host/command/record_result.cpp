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
    if (trainer->state().is_world_process_zero)
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

}  // namespace trainer::command
