// SPDX-License-Identifier: Apache-2.0
//
// How the state of an optimizer becomes torch's state_dict, and back.
#include <ATen/core/grad_mode.h>

#include <tuple>

#include "optimizers/optimizer_base.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

constexpr const char* other_optimizer =
    "; the file belongs to another model or optimizer, so resume with the one that wrote it";

// A step counter may be a plain number, as old versions of torch wrote it.
at::Tensor as_tensor(const c10::IValue& value, const at::TensorOptions& placement, const std::string& where) {
  if (value.isInt()) return at::scalar_tensor(value.toInt(), placement);
  if (value.isDouble()) return at::scalar_tensor(value.toDouble(), placement);
  if (!value.isTensor()) {
    throw_run(error_id::checkpoint_mismatch,
              where + ": found " + value.tagKind() + ", expected a tensor" + other_optimizer);
  }
  return value.toTensor().detach().to(placement, /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace

template <typename Self, typename Function>
void TorchOptimizer::for_each_parameter(Self& self, Function function) {
  std::vector<std::vector<std::pair<std::size_t, std::size_t>>> places(self.groups_.size());
  for (std::size_t g = 0; g < places.size(); ++g) places[g].resize(self.groups_[g].params.size());
  for (std::size_t b = 0; b < self.buckets_.size(); ++b) {
    const Bucket& bucket = self.buckets_[b];
    for (std::size_t i = 0; i < bucket.members.size(); ++i) {
      places[bucket.group][bucket.members[i]] = {b, i};
    }
  }
  std::int64_t index = 0;
  for (const auto& group : places) {
    for (const auto& [bucket, i] : group) function(self.buckets_[bucket], i, index++);
  }
}

at::TensorOptions TorchOptimizer::state_placement(std::size_t, const at::Tensor& param, const std::string& name) const {
  // Step counters are cheap on the CPU and exact in float32 whatever the parameters are.
  if (name == "step") return at::TensorOptions(at::kFloat);
  return param.options();
}

python::Dict TorchOptimizer::pack_state(const Bucket& bucket, std::size_t i) const {
  python::Dict packed = python::make_dict();
  for (std::size_t k = 0; k < state_names_.size(); ++k) {
    const at::Tensor& tensor = bucket.lists.states[k][i];
    if (!tensor.defined()) continue;
    // Integer counters are Python ints.
    const bool is_int = tensor.dim() == 0 && tensor.scalar_type() == at::kLong;
    packed.insert(state_names_[k], is_int ? c10::IValue(tensor.item<std::int64_t>()) : tensor);
  }
  return packed;
}

c10::IValue TorchOptimizer::state_dict() const {
  python::Dict state = python::make_dict();
  for_each_parameter(*this, [&](const Bucket& bucket, std::size_t i, std::int64_t index) {
    const python::Dict packed = pack_state(bucket, i);
    if (!packed.empty()) state.insert(index, packed);
  });
  python::List groups = python::make_list();
  std::int64_t index = 0;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    python::Dict group = python::make_dict();
    for (const auto& option : options_[g]) {
      // ParamGroup has the values of these two; here they keep their places.
      const std::string& name = option.key().toStringRef();
      if (name == "lr") {
        group.insert(name, python::make_number(groups_[g].lr));
      } else if (name == "weight_decay") {
        group.insert(name, python::make_number(groups_[g].weight_decay));
      } else {
        group.insert(name, option.value());
      }
    }
    if (groups_[g].has_initial_lr) group.insert("initial_lr", python::make_number(groups_[g].initial_lr));
    python::List params = python::make_list();
    for (std::size_t i = 0; i < groups_[g].params.size(); ++i) params.push_back(index++);
    group.insert("params", params);
    groups.push_back(group);
  }
  python::Dict out = python::make_dict();
  out.insert("state", state);
  out.insert("param_groups", groups);
  return out;
}

void TorchOptimizer::load_state_dict(const c10::IValue& value, std::string_view source) {
  const at::NoGradGuard no_grad;
  const std::string where(source);
  const python::Dict saved = python::dict(value, where);
  const python::List groups = python::list(python::member(saved, "param_groups", where), where);
  const python::Dict states = python::dict(python::member(saved, "state", where), where);
  if (groups.size() != groups_.size()) {
    throw_run(error_id::checkpoint_mismatch, where + ": found " + std::to_string(groups.size()) +
                                                 " parameter groups, expected " + std::to_string(groups_.size()) +
                                                 other_optimizer);
  }
  std::vector<std::int64_t> ids;  // the file's number of each of our parameters
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const std::string place = where + ": group " + std::to_string(g);
    const python::Dict group = python::dict(groups.get(g), place);
    const python::List params = python::list(python::member(group, "params", place), place);
    if (params.size() != groups_[g].params.size()) {
      throw_run(error_id::checkpoint_mismatch, place + ": found " + std::to_string(params.size()) +
                                                   " parameters, expected " + std::to_string(groups_[g].params.size()) +
                                                   other_optimizer);
    }
    for (std::size_t i = 0; i < params.size(); ++i) {
      ids.push_back(python::integer(params.get(i), place + ": 'params'"));
    }
  }
  // A file that turns out to be unusable half-way leaves everything as it was.
  const auto before = std::make_tuple(groups_, options_, buckets_);
  try {
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      load_options(g, python::dict(groups.get(g), where), where + ": group " + std::to_string(g));
    }
    options_changed(where);
    for_each_parameter(*this, [&](Bucket& bucket, std::size_t i, std::int64_t index) {
      for (auto& tensors : bucket.lists.states) tensors[i].reset();
      bucket.ready[i] = false;
      const auto entry = states.find(ids[index]);
      if (entry == states.end()) return;
      const std::string place = where + ": state of '" + groups_[bucket.group].names[bucket.members[i]] + "'";
      load_state(bucket, i, python::dict(entry->value(), place), place);
    });
  } catch (...) {
    std::tie(groups_, options_, buckets_) = before;
    options_changed(where);
    throw;
  }
}

void TorchOptimizer::load_options(std::size_t g, const python::Dict& saved, const std::string& where) {
  ParamGroup& group = groups_[g];
  group.lr = python::number(python::member(saved, "lr", where), where + ": 'lr'");
  group.weight_decay = python::number(python::member(saved, "weight_decay", where), where + ": 'weight_decay'");
  const auto initial_lr = python::find(saved, "initial_lr");
  group.has_initial_lr = initial_lr.has_value();
  if (initial_lr) group.initial_lr = python::number(*initial_lr, where + ": 'initial_lr'");
  python::Dict options = python::make_dict();
  for (const auto& entry : saved) {
    const std::string name = python::text(entry.key(), where);
    if (name == "params" || name == "initial_lr") continue;
    options.insert(name, entry.value());
  }
  options_[g] = std::move(options);
}

void TorchOptimizer::load_state(Bucket& bucket, std::size_t i, const python::Dict& saved, const std::string& where) {
  // What a fresh state looks like says which tensors the file must have, and their shapes.
  TensorLists fresh;
  fresh.params = {bucket.lists.params[i]};
  fresh.grads.resize(1);
  fresh.states.assign(state_names_.size(), std::vector<at::Tensor>(1));
  init_state(bucket.group, fresh, 0);
  for (std::size_t k = 0; k < state_names_.size(); ++k) {
    const std::string& name = state_names_[k];
    const std::string place = where + ": '" + name + "'";
    const at::Tensor& expected = fresh.states[k][0];
    const auto value = python::find(saved, name);
    if (!value || value->isNone()) {
      if (expected.defined()) throw_run(error_id::checkpoint_mismatch, place + " is missing" + other_optimizer);
      continue;
    }
    at::Tensor tensor = as_tensor(*value, state_placement(bucket.group, fresh.params[0], name), place);
    const at::IntArrayRef sizes = expected.defined() ? expected.sizes() : fresh.params[0].sizes();
    if (tensor.sizes() != sizes) {
      throw_run(error_id::checkpoint_mismatch, place + ": found the shape " + c10::str(tensor.sizes()) + ", expected " +
                                                   c10::str(sizes) + other_optimizer);
    }
    bucket.lists.states[k][i] = std::move(tensor);
  }
  bucket.ready[i] = true;
}

std::vector<OptimizerState> TorchOptimizer::named_states() const {
  std::vector<OptimizerState> out;
  for_each_parameter(*this, [&](const Bucket& bucket, std::size_t i, std::int64_t) {
    for (std::size_t k = 0; k < state_names_.size(); ++k) {
      const at::Tensor& tensor = bucket.lists.states[k][i];
      if (!tensor.defined()) continue;
      out.push_back({groups_[bucket.group].names[bucket.members[i]], state_names_[k], tensor});
    }
  });
  return out;
}

}  // namespace trainer
