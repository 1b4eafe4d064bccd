// SPDX-License-Identifier: Apache-2.0
#include "trainer/torch_optimizer.hpp"

#include <torch/optim.h>
#include <torch/serialize.h>

#include <algorithm>
#include <sstream>

#include "formats/python_value.hpp"
#include "optimizers/torch_optimizer_fields.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

constexpr const char* archive_key = "libtorch_archive";

[[noreturn]] void throw_other(const std::string& what) {
  throw_run(error_id::checkpoint_mismatch,
            what + "; the file belongs to another model or optimizer, so resume with the one that wrote it");
}

class AdaptedOptimizer final : public Optimizer {
 public:
  AdaptedOptimizer(std::shared_ptr<torch::optim::Optimizer> optimizer, std::vector<ParamGroup> groups)
      : Optimizer(std::move(groups), optimizer->defaults().get_lr()), optimizer_(std::move(optimizer)) {
    for (std::size_t g = 0; g < groups_.size(); ++g)
      groups_[g].lr = groups_[g].initial_lr = optimizer_->param_groups()[g].options().get_lr();
  }

  void step() override {
    auto& torch_groups = optimizer_->param_groups();
    require_same_groups();
    const auto same = [](const ParamGroup& ours, auto& its) { return ours.params.size() == its.params().size(); };
    if (!std::equal(groups_.begin(), groups_.end(), torch_groups.begin(), torch_groups.end(), same))
      throw_usage(
          error_id::arguments_invalid,
          "the optimizer has other groups or parameters than when adapt_optimizer was given it; add them before");
    for (std::size_t g = 0; g < groups_.size(); ++g) torch_groups[g].options().set_lr(groups_[g].lr);
    optimizer_->step();
  }

  c10::IValue state_dict() const override;
  void load_state_dict(const c10::IValue& state, std::string_view where) override;
  std::vector<OptimizerState> named_states() const override;

 private:
  using StateOf = std::vector<std::pair<void*, std::unique_ptr<torch::optim::OptimizerParamState>>>;

  torch::optim::OptimizerParamState* state_of(const at::Tensor& parameter) const {
    const auto& states = optimizer_->state();
    const auto found = states.find(parameter.unsafeGetTensorImpl());
    return found == states.end() ? nullptr : found->second.get();
  }
  std::string archive() const;
  void load_archive(const python::Dict& saved, const std::string& where);
  StateOf read_states(const python::Dict& saved, const python::List& groups, const std::string& where) const;

  std::shared_ptr<torch::optim::Optimizer> optimizer_;
  mutable bool warned_ = false;
};

c10::IValue AdaptedOptimizer::state_dict() const {
  python::Dict state = python::make_dict(), out = python::make_dict();
  python::List groups = python::make_list();
  std::int64_t index = 0;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    python::Dict group = python::make_dict();
    const auto options = optimizer_->param_groups()[g].options().clone();
    options->set_lr(groups_[g].lr);
    if (!save_options(*options, group)) group.insert("lr", double{groups_[g].lr});
    if (groups_[g].has_initial_lr) group.insert("initial_lr", python::make_number(groups_[g].initial_lr));
    python::List params = python::make_list();
    for (const at::Tensor& parameter : groups_[g].params) {
      params.push_back(index);
      python::Dict packed = python::make_dict();
      if (const auto* one = state_of(parameter)) save_state(*one, packed);
      if (!packed.empty()) state.insert(index, packed);
      ++index;
    }
    group.insert("params", params);
    groups.push_back(group);
  }
  out.insert("state", state);
  out.insert("param_groups", groups);
  if (!has_fields(optimizer_->defaults())) {
    const std::string bytes = archive();
    if (!bytes.empty())
      out.insert(
          archive_key,
          at::from_blob(const_cast<char*>(bytes.data()), {static_cast<std::int64_t>(bytes.size())}, at::kByte).clone());
  }
  return out;
}

// What the optimizer writes of itself; empty with a warning when it has a state and writes nothing.
std::string AdaptedOptimizer::archive() const {
  torch::serialize::OutputArchive output;
  optimizer_->save(output);
  std::ostringstream stream;
  output.save_to(stream);
  std::istringstream again(stream.str());
  torch::serialize::InputArchive input;
  input.load_from(again);
  if (!input.keys().empty()) return stream.str();
  if (!optimizer_->state().empty() && !std::exchange(warned_, true))
    log::warning(
        "the optimizer has a state, but its save() writes nothing, so a resumed run begins with an empty one; "
        "override save() and load()");
  return {};
}

void AdaptedOptimizer::load_archive(const python::Dict& saved, const std::string& where) {
  const auto bytes = python::find(saved, archive_key);
  if (!bytes) return;
  if (!bytes->isTensor() || bytes->toTensor().scalar_type() != at::kByte)
    throw_other(where + ": '" + archive_key + "' is not a tensor of bytes");
  const at::Tensor tensor = bytes->toTensor().contiguous().cpu();
  std::istringstream stream(std::string(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()));
  try {
    torch::serialize::InputArchive input;
    input.load_from(stream);
    optimizer_->load(input);
  } catch (const std::exception& e) {
    throw_other(where + ": the optimizer's load() failed (" + std::string(e.what()).substr(0, 200) + ")");
  }
}

AdaptedOptimizer::StateOf AdaptedOptimizer::read_states(const python::Dict& saved, const python::List& groups,
                                                        const std::string& where) const {
  StateOf out;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const std::string place = where + ": group " + std::to_string(g);
    const python::List params =
        python::list(python::member(python::dict(groups.get(g), place), "params", place), place);
    if (params.size() != groups_[g].params.size())
      throw_other(place + ": found " + std::to_string(params.size()) + " parameters, expected " +
                  std::to_string(groups_[g].params.size()));
    for (std::size_t i = 0; i < params.size(); ++i) {
      const auto entry = saved.find(params.get(i));
      if (entry == saved.end()) continue;
      const std::string name = where + ": state of '" + groups_[g].names[i] + "'";
      const at::Tensor& parameter = groups_[g].params[i];
      if (auto state = load_state(optimizer_->defaults(), python::dict(entry->value(), name), parameter, name))
        out.emplace_back(parameter.unsafeGetTensorImpl(), std::move(state));
    }
  }
  return out;
}

// All is read before anything is changed.
void AdaptedOptimizer::load_state_dict(const c10::IValue& value, std::string_view source) {
  const std::string where(source);
  const python::Dict saved = python::dict(value, where);
  const python::List groups = python::list(python::member(saved, "param_groups", where), where);
  if (groups.size() != groups_.size())
    throw_other(where + ": found " + std::to_string(groups.size()) + " parameter groups, expected " +
                std::to_string(groups_.size()));
  auto states = read_states(python::dict(python::member(saved, "state", where), where), groups, where);
  auto own = groups_;
  std::vector<std::unique_ptr<torch::optim::OptimizerOptions>> options;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const std::string place = where + ": group " + std::to_string(g);
    const python::Dict group = python::dict(groups.get(g), place);
    options.push_back(optimizer_->param_groups()[g].options().clone());
    load_options(*options.back(), group, place);
    own[g].lr = python::number(python::member(group, "lr", place), place + ": 'lr'");
    const auto initial_lr = python::find(group, "initial_lr");
    own[g].has_initial_lr = initial_lr.has_value();
    if (initial_lr) own[g].initial_lr = python::number(*initial_lr, place + ": 'initial_lr'");
  }
  if (has_fields(optimizer_->defaults())) {
    optimizer_->state().clear();
    for (auto& [parameter, state] : states) optimizer_->state()[parameter] = std::move(state);
    for (std::size_t g = 0; g < options.size(); ++g) optimizer_->param_groups()[g].set_options(std::move(options[g]));
  } else {
    load_archive(saved, where);
  }
  groups_ = std::move(own);
}

std::vector<OptimizerState> AdaptedOptimizer::named_states() const {
  std::vector<OptimizerState> out;
  for (const ParamGroup& group : groups_)
    for (std::size_t i = 0; i < group.params.size(); ++i) {
      const auto* state = state_of(group.params[i]);
      python::Dict packed = python::make_dict();
      if (state) save_state(*state, packed);
      for (const auto& entry : packed)
        if (entry.value().isTensor())
          out.push_back({group.names[i], entry.key().toStringRef(), entry.value().toTensor()});
    }
  return out;
}

}  // namespace

std::unique_ptr<Optimizer> adapt_optimizer(std::shared_ptr<torch::optim::Optimizer> optimizer) {
  if (!optimizer)
    throw_usage(error_id::arguments_invalid, "adapt_optimizer was given null; give it an optimizer of torch::optim");
  if (dynamic_cast<torch::optim::LBFGS*>(optimizer.get()))
    throw_usage(error_id::arguments_invalid,
                "adapt_optimizer: LBFGS wants to compute the loss several times a step, which the Trainer does once; "
                "take another optimizer");
  std::vector<ParamGroup> groups;
  try {
    for (auto& group : optimizer->param_groups()) {
      group.options().set_lr(group.options().get_lr());
      groups.push_back({.params = group.params(), .names = {}});
    }
    optimizer->defaults().get_lr();
  } catch (const c10::Error&) {
    throw_usage(error_id::arguments_invalid,
                "adapt_optimizer: the optimizer's options have no learning rate that a schedule could set; override "
                "get_lr() and set_lr() in them");
  }
  return std::make_unique<AdaptedOptimizer>(std::move(optimizer), std::move(groups));
}

}  // namespace trainer
