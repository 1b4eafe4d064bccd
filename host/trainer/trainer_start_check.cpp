// SPDX-License-Identifier: Apache-2.0
//
// What the processes of a run must have alike: a difference would make one of them wait for the others in vain, or
// train them apart.
#include <torch/version.h>

#include <algorithm>
#include <array>

#include "checkpoints/checkpoint_manifest.hpp"
#include "ranks/same_everywhere.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/data_facts.hpp"
#include "trainer/json.hpp"
#include "trainer/trainer_impl.hpp"
#include "trainer/version.hpp"

namespace trainer {
namespace {

// What each process, or each machine, may have for itself.
constexpr std::array<std::string_view, 11> own_arguments = {"output_dir",
                                                            "local_rank",
                                                            "log_level",
                                                            "log_level_replica",
                                                            "disable_tqdm",
                                                            "hub_token",
                                                            "resume_from_checkpoint",
                                                            "dataloader_num_workers",
                                                            "dataloader_pin_memory",
                                                            "dataloader_persistent_workers",
                                                            "dataloader_prefetch_factor"};

}  // namespace

void Trainer::Impl::require_same_start() {
  if (group->alone()) return;
  Facts facts = {{"LibTrainer's version", version},
                 {"LibTorch's version", TORCH_VERSION},
                 {"the device", at::DeviceTypeName(device.type(), true)}};
  for (const auto& [name, value] : args.to_dict())
    if (std::find(own_arguments.begin(), own_arguments.end(), std::string_view(name)) == own_arguments.end())
      facts.emplace_back("args." + std::string(name), json::dump(value));
  if (train_dataset) add_data_facts(facts, "the train data", *train_dataset, group->ranks());
  for (const auto& [name, dataset] : eval_dataset)
    add_data_facts(facts, "the eval data" + (name.empty() ? "" : " \"" + name + "\""), *dataset, group->ranks());
  require_same(*group, facts);
}

// Of a dataset that is not one of the options', and may be another with each call.
void Trainer::Impl::require_same_data(const std::string& name, const AnyDataset& dataset) {
  if (group->alone()) return;
  Facts facts;
  add_data_facts(facts, name, dataset, group->ranks());
  require_same(*group, facts);
}

void Trainer::Impl::require_same_plugins() {
  if (group->alone()) return;
  Facts facts;
  for (const auto& entry : handler->entries()) {
    const PluginFile* file = entry->plugin();
    if (!file) continue;
    std::string text = file->note.version;
    if (!file->sha256.empty()) text += " (sha256 " + file->sha256.substr(0, 12) + ")";
    for (const auto& [library, digest] : file->libraries) text += ", " + library + " " + digest.substr(0, 12);
    facts.emplace_back("plugin " + entry->name, std::move(text));
  }
  require_same(*group, facts);
}

void Trainer::Impl::require_same_checkpoint(const std::filesystem::path& checkpoint) {
  if (group->alone()) return;
  const std::string of = " in " + checkpoint.filename().string();
  Facts facts;
  if (const auto manifest = CheckpointManifest::load(checkpoint))
    facts.emplace_back("the run's id" + of, manifest->run.id);
  // Not the whole file: with save_on_each_node each machine's has times and paths of its own.
  if (std::filesystem::exists(checkpoint / state_file)) {
    const json::value state = json::parse_file(checkpoint / state_file);
    for (const char* name : {"global_step", "max_steps", "best_global_step", "best_metric", "stateful_callbacks"})
      if (const auto* value = state.is_object() ? state.get_object().if_contains(name) : nullptr)
        facts.emplace_back(name + of, json::dump(*value));
  }
  require_same(*group, facts);
}

}  // namespace trainer
