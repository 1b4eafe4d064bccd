// SPDX-License-Identifier: Apache-2.0
#include "exported/facts.hpp"

#include <algorithm>

#include "exported/program_json.hpp"

namespace trainer::exported {
namespace {

bool flag(const ProgramJson& root, const char* key) {
  const auto found = root.find(key);
  return found && found->boolean();
}

// Names of configurations, which no file of a checkpoint has. A zero byte would end it before.
bool is_plain(std::string_view name) {
  constexpr std::string_view none_of("/\\\0", 3);
  return name.ends_with("config.json") && name.find_first_of(none_of) == name.npos && name[0] != '.';
}

std::map<std::string, std::string> read_files(const ProgramJson& root, const json::object& config) {
  std::map<std::string, std::string> out;
  if (const auto files = root.find("files")) {
    for (const auto& entry : files->object()) {
      const auto file = files->member(entry);
      if (!is_plain(entry.key())) file.wrong("the text of a file such as config.json");
      out.emplace(entry.key(), file.text());
    }
  } else if (!config.empty()) {
    out.emplace("config.json", json::dump(config, {.indent = 2, .sort_keys = true}) + "\n");
  }
  return out;
}

// The weights and biases that aten.layer_norm gets.
std::vector<std::string> seen_in(const Graph& graph) {
  std::vector<std::string> out;
  for (const Node& node : graph.nodes) {
    if (node.target != "torch.ops.aten.layer_norm.default") continue;
    for_each_read(node, [&](int slot) {
      for (const auto& state : graph.state)
        if (state.slot == slot && std::find(out.begin(), out.end(), state.name) == out.end()) out.push_back(state.name);
    });
  }
  return out;
}

}  // namespace

Facts read_facts(const Archive& archive, const Graph& training) {
  Facts out;
  if (!archive.has(meta_entry)) {
    out.layer_norm_parameters = seen_in(training);
    for (const auto& input : training.inputs) out.accepts_loss_kwargs |= input.name == "num_items_in_batch";
    return out;
  }
  const json::value parsed = archive.json(meta_entry);
  const std::string where = archive.file() + ": " + meta_entry;
  const ProgramJson root(parsed, where);
  if (const auto format = root.at("format").integer(); format != 1)
    refuse(where + " has the format " + std::to_string(format) +
           ", expected 1; export the model with the libtrainer package of this version");
  out.accepts_loss_kwargs = flag(root, "accepts_loss_kwargs");
  out.loss_shifts_labels = flag(root, "loss_shifts_labels");
  out.label_smoother_shifts_labels = flag(root, "label_smoother_shifts_labels");
  out.parameter_order = root.texts("parameter_order");
  out.layer_norm_parameters = root.texts("layer_norm_parameters");
  out.ignored_outputs = root.texts("keys_to_ignore_at_inference");
  if (const auto names = root.find("saved_names"))
    for (const auto& entry : names->object()) out.saved_names.emplace(entry.key(), names->member(entry).text());
  if (const auto checksums = root.find("checksums"))
    for (const auto& entry : checksums->object()) out.checksums.emplace(entry.key(), checksums->member(entry).text());
  if (const auto main = root.find("main_input_name")) out.main_input = main->text();
  if (const auto flos = root.find("flos_per_input")) out.flos_per_token = flos->number();
  if (const auto config = root.find("config")) out.config = config->object();
  out.files = read_files(root, out.config);
  return out;
}

}  // namespace trainer::exported
