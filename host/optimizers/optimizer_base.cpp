// SPDX-License-Identifier: Apache-2.0
#include "optimizers/optimizer_base.hpp"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "trainer/error.hpp"

namespace trainer {

TorchOptimizer::TorchOptimizer(std::vector<ParamGroup> groups, const OptimizerSettings& settings, GroupOptions options,
                               std::vector<std::string> state_names)
    : Optimizer(std::move(groups), settings.learning_rate), state_names_(std::move(state_names)) {
  require_not_negative(settings.learning_rate, "learning_rate", "args");
  // The groups bring their weight decay, so Python's dict has it first.
  python::Dict all = python::make_dict();
  all.insert("weight_decay", 0.0);
  all.insert("lr", 0.0);
  for (const auto& [name, value] : options) all.insert(name, value);
  for (std::size_t g = 0; g < groups_.size(); ++g) options_.push_back(all.copy());
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    for (std::size_t i = 0; i < groups_[g].params.size(); ++i) {
      const at::Tensor& param = groups_[g].params[i];
      auto bucket = std::find_if(buckets_.begin(), buckets_.end(), [&](const Bucket& known) {
        const at::Tensor& first = known.lists.params.front();
        return known.group == g && first.device() == param.device() && first.scalar_type() == param.scalar_type();
      });
      if (bucket == buckets_.end()) {
        bucket = buckets_.insert(bucket, {g, {}, {}, {}});
        bucket->lists.states.resize(state_names_.size());
      }
      bucket->members.push_back(i);
      bucket->ready.push_back(false);
      bucket->lists.params.push_back(param);
      bucket->lists.grads.emplace_back();
      for (auto& states : bucket->lists.states) states.emplace_back();
    }
  }
  some_.states.resize(state_names_.size());
}

void TorchOptimizer::step() {
  require_same_groups();
  const at::NoGradGuard no_grad;
  for (Bucket& bucket : buckets_) {
    TensorLists& lists = bucket.lists;
    std::size_t count = 0;
    for (std::size_t i = 0; i < lists.params.size(); ++i) {
      const at::Tensor& grad = lists.params[i].grad();
      if (!grad.defined()) continue;
      if (grad.is_sparse()) {
        throw_run(error_id::gradient_sparse,
                  "optimizer: the gradient of '" + groups_[bucket.group].names[bucket.members[i]] +
                      "' is sparse; expected a dense one, so build its layer with sparse=false");
      }
      if (!bucket.ready[i]) {
        init_state(bucket.group, lists, i);
        bucket.ready[i] = true;
      }
      lists.grads[i] = grad;
      ++count;
    }
    if (count == lists.params.size()) {
      update(bucket.group, lists);
    } else if (count > 0) {
      update_some(bucket, count);
    }
    // Kept references would hold the memory of the gradients during the next forward pass.
    for (at::Tensor& grad : lists.grads) grad.reset();
  }
}

bool TorchOptimizer::step_unless(const at::Tensor& found_inf) {
  if (!takes_found_inf()) return false;
  struct Lend {
    at::Tensor& to;
    ~Lend() { to.reset(); }
  } const lend{found_inf_ = found_inf};
  step();
  return true;
}

void TorchOptimizer::update_some(Bucket& bucket, std::size_t count) {
  TensorLists& lists = bucket.lists;
  std::vector<std::size_t> places;
  places.reserve(count);
  for (std::size_t i = 0; i < lists.grads.size(); ++i) {
    if (lists.grads[i].defined()) places.push_back(i);
  }
  const auto pick = [&](const std::vector<at::Tensor>& from, std::vector<at::Tensor>& to) {
    to.clear();
    for (std::size_t i : places) to.push_back(from[i]);
  };
  pick(lists.params, some_.params);
  pick(lists.grads, some_.grads);
  for (std::size_t k = 0; k < lists.states.size(); ++k) pick(lists.states[k], some_.states[k]);
  update(bucket.group, some_);
  // update() may have made a state (the first momentum buffer of SGD).
  for (std::size_t k = 0; k < lists.states.size(); ++k) {
    for (std::size_t j = 0; j < places.size(); ++j) {
      lists.states[k][places[j]] = some_.states[k][j];
    }
    some_.states[k].clear();
  }
  some_.params.clear();
  some_.grads.clear();
}

std::vector<at::Tensor*> TorchOptimizer::states_of(std::size_t group, std::size_t parameter) {
  for (Bucket& bucket : buckets_) {
    const auto member = std::find(bucket.members.begin(), bucket.members.end(), parameter);
    if (bucket.group != group || member == bucket.members.end()) continue;
    const auto i = static_cast<std::size_t>(member - bucket.members.begin());
    if (!bucket.ready[i]) init_state(group, bucket.lists, i);
    bucket.ready[i] = true;
    std::vector<at::Tensor*> states;
    for (auto& of_name : bucket.lists.states) states.push_back(&of_name[i]);
    return states;
  }
  return {};
}

void TorchOptimizer::init_all_states() {
  for (Bucket& bucket : buckets_) {
    for (std::size_t i = 0; i < bucket.members.size(); ++i) {
      init_state(bucket.group, bucket.lists, i);
      bucket.ready[i] = true;
    }
  }
}

double TorchOptimizer::option(std::size_t group, const char* name, std::string_view where) const {
  const auto value = find_option(group, name);
  const std::string place = std::string(where) + ": '" + name + "' of group " + std::to_string(group);
  if (!value) {
    throw_run(error_id::checkpoint_mismatch,
              place +
                  " is missing; the file belongs to another optimizer, so give 'optim' that "
                  "wrote it or resume without optimizer.pt");
  }
  return python::number(*value, place);
}

bool TorchOptimizer::flag(std::size_t group, const char* name, std::string_view where) const {
  const auto value = find_option(group, name);
  if (!value || value->isNone()) return false;
  return python::boolean(*value, std::string(where) + ": '" + name + "'");
}

void TorchOptimizer::require_off(std::size_t group, std::initializer_list<const char*> names,
                                 std::string_view where) const {
  for (const char* name : names) {
    const auto value = find_option(group, name);
    if (!value || value->isNone() || (value->isBool() && !value->toBool())) continue;
    throw_run(error_id::checkpoint_mismatch,
              std::string(where) + ": '" + name + "' of group " + std::to_string(group) +
                  " is on; expected an optimizer without it, so resume without optimizer.pt");
  }
}

std::optional<c10::IValue> TorchOptimizer::find_option(std::size_t group, const char* name) const {
  return python::find(options_[group], name);
}

void advance(std::vector<at::Tensor>& steps) {
  if (!steps.front().is_cpu()) {
    at::_foreach_add_(steps, 1);
    return;
  }
  // The same sum as the kernel's, without dispatching an operation for each scalar.
  for (at::Tensor& step : steps) *step.mutable_data_ptr<float>() += 1.0f;
}

}  // namespace trainer
