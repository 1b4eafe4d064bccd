// SPDX-License-Identifier: Apache-2.0
//
// Weight-decay groups, as Trainer.get_decay_parameter_names of transformers chooses them.
#include <string_view>

#include "trainer/optimizer.hpp"

namespace trainer {
namespace {

// A part of the dotted name is "norm" or ends in "_norm".
bool has_norm_part(std::string_view name) {
  for (std::size_t at = name.find("norm"); at != std::string_view::npos; at = name.find("norm", at + 1)) {
    const std::size_t end = at + 4;
    const bool ends_part = end == name.size() || name[end] == '.';
    const bool starts_well = at == 0 || name[at - 1] == '.' || name[at - 1] == '_';
    if (ends_part && starts_well) return true;
  }
  return false;
}

bool decays(const NamedParameter& parameter) {
  if (parameter.in_layer_norm) return false;
  std::string name = parameter.name;
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const char* pattern : {"bias", "layernorm", "rmsnorm"}) {
    if (name.find(pattern) != std::string::npos) return false;
  }
  return !has_norm_part(name);
}

}  // namespace

std::vector<ParamGroup> parameter_groups(const std::vector<NamedParameter>& parameters, const Number& weight_decay) {
  std::vector<ParamGroup> groups(2);
  groups[0].weight_decay = weight_decay;
  for (const NamedParameter& parameter : parameters) {
    if (!parameter.tensor.requires_grad()) continue;
    ParamGroup& group = groups[decays(parameter) ? 0 : 1];
    group.params.push_back(parameter.tensor);
    group.names.push_back(parameter.name);
  }
  return groups;
}

}  // namespace trainer
