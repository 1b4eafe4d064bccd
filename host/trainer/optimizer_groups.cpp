// SPDX-License-Identifier: Apache-2.0
#include "trainer/optimizer_groups.hpp"

#include "trainer/optimizer.hpp"

namespace trainer {

ParamGroup* OptimizerGroups::group(std::uint64_t index) const {
  Optimizer* optimizer = handler_.objects().optimizer;
  if (!optimizer || index >= optimizer->param_groups().size()) return nullptr;
  return &optimizer->param_groups()[static_cast<std::size_t>(index)];
}

std::uint64_t OptimizerGroups::count() {
  const Optimizer* optimizer = handler_.objects().optimizer;
  return optimizer ? optimizer->param_groups().size() : 0;
}

bool OptimizerGroups::at(std::uint64_t index, trainer_param_group& out) {
  const ParamGroup* found = group(index);
  if (!found) return false;
  out = {out.struct_size, 0, found->lr, found->initial_lr, found->weight_decay, found->params.size()};
  return true;
}

bool OptimizerGroups::parameter(std::uint64_t of, std::uint64_t index, trainer_text& name) {
  const ParamGroup* found = group(of);
  if (!found || index >= found->names.size()) return false;
  const std::string& text = found->names[static_cast<std::size_t>(index)];
  name = {text.data(), text.size()};
  return true;
}

bool OptimizerGroups::set_lr(std::uint64_t index, double lr) {
  ParamGroup* found = group(index);
  if (!found) return false;
  if (found->lr == lr) return true;
  found->lr = lr;
  handler_.note_rate({static_cast<std::size_t>(index), lr});
  return true;
}

void OptimizerGroups::take_lr(std::size_t index, double lr, int rank, std::size_t entry) {
  ParamGroup* found = group(index);
  if (!found || found->lr == lr) return;
  found->lr = lr;
  handler_.note_agreed_rate({index, lr}, rank, entry);
}

}  // namespace trainer
