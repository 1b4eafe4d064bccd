// SPDX-License-Identifier: Apache-2.0
#include "trainer/compiled_training.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <utility>

#include "data/failure.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

constexpr std::size_t numbers_of_parameter = 7;

}  // namespace

using Call = exported::CompiledStep::Call;

CompiledTraining::CompiledTraining(exported::CompiledStep& step, Call call, Optimizer& optimizer)
    : step_(step), optimizer_(optimizer) {
  require_same_trained();
  if (call == Call::gradients) {
    step_.load(call);
    step_.given(0) = scale_ = at::ones({}, at::kFloat);
    return;
  }
  parts_ = dynamic_cast<AdamWParts*>(&optimizer);
  if (!parts_)
    throw_usage(error_id::compiled_step_unsupported,
                "\"compiled\": true has AdamW compiled in, and the run has another optimizer; set optim to "
                "adamw_torch, or \"compiled\" to \"gradients\", which works with any");
  find_places();
  step_.load(call);
  const auto count = static_cast<std::int64_t>(places_.size() * numbers_of_parameter);
  step_.given(2 * places_.size()) = numbers_ = at::zeros({1 + count}, at::kFloat);
}

// A program may have frozen parameters since the export, or freed them.
void CompiledTraining::require_same_trained() const {
  const auto check = [](const std::vector<at::Tensor>& tensors, const std::vector<exported::CompiledTensor>& facts) {
    for (std::size_t i = 0; i < tensors.size(); ++i)
      if (tensors[i].requires_grad() != facts[i].requires_grad)
        throw_usage(error_id::compiled_step_unsupported,
                    "\"compiled\": the parameter \"" + facts[i].name + "\" was " +
                        (facts[i].requires_grad ? "trained" : "frozen") +
                        " when the model was exported, and is not now; export the model as it is to be trained");
  };
  check(step_.parameters(), step_.facts().parameters);
  check(step_.state(), step_.facts().state);
}

void CompiledTraining::find_places() {
  const auto& groups = optimizer_.param_groups();
  for (std::size_t i = 0; i < step_.parameters().size(); ++i) {
    const at::Tensor& parameter = step_.parameters()[i];
    const auto before = places_.size();
    for (std::size_t g = 0; g < groups.size(); ++g)
      for (std::size_t k = 0; k < groups[g].params.size(); ++k)
        if (groups[g].params[k].is_same(parameter)) places_.push_back({g, k, {}});
    if (places_.size() != before + 1)
      throw_usage(error_id::compiled_step_unsupported,
                  "the compiled step trains \"" + step_.facts().parameters[i].name +
                      "\", which the run's optimizer does not; export the model as it is to be trained, or set "
                      "\"compiled\" to \"gradients\"");
    places_.back().state = parts_->state_of(places_.back().group, places_.back().index);
  }
}

bool CompiledTraining::takes(const Batch& inputs) {
  ++batches_;
  if (step_.takes(inputs)) return true;
  if (++interpreted_ == 1)
    log::info("a " + batch_text(inputs) + " is not what the compiled step was made for; such batches are interpreted");
  return false;
}

void CompiledTraining::tell_of_interpreted() const {
  if (interpreted_ > 0)
    log::info("the compiled step took " + std::to_string(batches_ - interpreted_) + " of " + std::to_string(batches_) +
              " batches; " + std::to_string(interpreted_) + " of another shape were interpreted");
}

// The optimizer's own tensors; after a state was loaded they are others.
void CompiledTraining::lend_states() {
  const std::size_t count = places_.size();
  for (std::size_t i = 0; i < count; ++i) {
    Place& place = places_[i];
    if (!place.state.exp_avg->defined()) place.state = parts_->state_of(place.group, place.index);
    at::Tensor &average = step_.given(i), &square = step_.given(count + i);
    if (!average.is_same(*place.state.exp_avg)) average = *place.state.exp_avg;
    if (!square.is_same(*place.state.exp_avg_sq)) square = *place.state.exp_avg_sq;
  }
}

// In float64 where the fused kernel has them so, and by the counter of each parameter.
void CompiledTraining::write_numbers(double max_grad_norm) {
  auto* numbers = numbers_.mutable_data_ptr<float>();
  *numbers++ = max_grad_norm > 0 ? static_cast<float>(max_grad_norm) : std::numeric_limits<float>::infinity();
  double last_step = 0, rest1 = 1, rest2 = 1;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const Place& place = places_[i];
    const ParamGroup& group = optimizer_.param_groups()[place.group];
    const auto [beta1, beta2, eps] = parts_->coefficients(place.group);
    const double step = static_cast<double>(*place.state.step->mutable_data_ptr<float>() += 1.0f);
    if (step != last_step || (i > 0 && place.group != places_[i - 1].group)) {
      rest1 = 1 - std::pow(beta1, step);
      rest2 = std::sqrt(1 - std::pow(beta2, step));
      last_step = step;
    }
    const double lr = group.lr;
    for (const double number : {1 - lr * group.weight_decay, lr / rest1, rest2, 1 - beta1, beta2, 1 - beta2, eps})
      *numbers++ = static_cast<float>(number);
  }
}

CompiledTraining::Update CompiledTraining::update(const Batch& inputs, double max_grad_norm) {
  lend_states();
  write_numbers(max_grad_norm);
  auto out = step_.run(inputs);
  return {std::move(out[0]), std::move(out[1])};
}

at::Tensor CompiledTraining::gradients(const Batch& inputs, double scale) {
  *scale_.mutable_data_ptr<float>() = static_cast<float>(scale);
  auto out = step_.run(inputs);
  for (std::size_t i = 0; i < step_.parameters().size(); ++i) {
    at::Tensor& grad = step_.parameters()[i].mutable_grad();
    if (grad.defined())
      grad.add_(out[1 + i]);
    else
      grad = std::move(out[1 + i]);
  }
  return std::move(out[0]);
}

}  // namespace trainer
