// SPDX-License-Identifier: Apache-2.0
#include "exported/executor.hpp"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <stdexcept>

#include "data/failure.hpp"
#include "exported/argument_reader.hpp"

namespace trainer::exported {
namespace {

// Shapes whose constants are kept: enough for a batch, the last one of an epoch and those of an evaluation, and a
// bound where each batch has its own length.
constexpr std::size_t most_shapes = 8;

std::int64_t autocast_key(at::DeviceType device) {
  const bool on = at::autocast::is_autocast_enabled(device);
  return on ? static_cast<std::int64_t>(at::autocast::get_autocast_dtype(device)) : -1;
}

template <typename T, typename Convert>
c10::IValue make_list(const Argument& argument, const std::vector<c10::IValue>& values, Convert convert) {
  c10::List<T> list;
  list.reserve(argument.items.size());
  for (std::size_t i = 0; i < argument.items.size(); ++i) {
    const int slot = argument.items[i];
    list.push_back(convert(slot == no_slot ? argument.fixed[i] : values[static_cast<std::size_t>(slot)]));
  }
  return list;
}

double as_double(const c10::IValue& v) { return v.isDouble() ? v.toDouble() : static_cast<double>(v.toInt()); }

}  // namespace

// Gradients and autocast as nodes set them; all is put back at the end, also after an exception.
struct Executor::Modes {
  struct Autocast {
    bool enabled;
    at::ScalarType dtype;
  };
  at::DeviceType device;
  std::vector<bool> grad;
  std::vector<Autocast> autocast;

  explicit Modes(at::DeviceType of) : device(of) {}
  Modes(const Modes&) = delete;
  ~Modes() {
    while (!autocast.empty()) leave_autocast();
    while (!grad.empty()) leave_grad();
  }
  void enter_grad(bool enabled) {
    grad.push_back(at::GradMode::is_enabled());
    at::GradMode::set_enabled(enabled);
  }
  void leave_grad() {
    at::GradMode::set_enabled(grad.back());
    grad.pop_back();
  }
  void enter_autocast(bool enabled, std::optional<at::ScalarType> dtype) {
    autocast.push_back({at::autocast::is_autocast_enabled(device), at::autocast::get_autocast_dtype(device)});
    at::autocast::set_autocast_enabled(device, enabled);
    if (dtype) at::autocast::set_autocast_dtype(device, *dtype);
    at::autocast::increment_nesting();
  }
  void leave_autocast() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device, autocast.back().enabled);
    at::autocast::set_autocast_dtype(device, autocast.back().dtype);
    autocast.pop_back();
  }
};

Executor::Executor(const Graph& graph, const std::vector<char>& given, const std::vector<char>& wanted,
                   const std::map<std::string, at::Tensor>& state, at::Device device)
    : graph_(slice(graph, given, wanted)), device_(device) {
  remove_dead_nodes(graph_);
  constant_part_ = find_constant_part(graph_);
  std::vector<char> kept(static_cast<std::size_t>(graph_.slots));
  for (const auto& of : graph_.state) {
    kept[static_cast<std::size_t>(of.slot)] = 1;
    state_.emplace_back(of.slot, state.at(of.name));
  }
  for (const auto* slots : {&constant_part_.sizes, &constant_part_.results})
    for (const int slot : *slots) kept[static_cast<std::size_t>(slot)] = 1;
  mark_last_uses(graph_, kept, constant_part_.is_constant);
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
    if (!constant_part_.is_constant[i]) order_.push_back(static_cast<int>(i));
  set_device(device);
  clear();
}

void Executor::set_device(at::Device device) {
  device_ = device;
  constants_.clear();
  for (Node& node : graph_.nodes)
    for (Argument& argument : node.arguments)
      if (argument.kind == Argument::Kind::constant && argument.value.isDevice()) argument.value = device;
}

void Executor::clear() {
  values_.assign(static_cast<std::size_t>(graph_.slots), {});
  for (const auto& [slot, tensor] : state_) value(slot) = tensor;
  stack_.clear();
}

std::vector<at::Tensor> Executor::run(const std::vector<at::Tensor>& inputs) {
  for (std::size_t i = 0; i < graph_.inputs.size(); ++i)
    if (graph_.inputs[i].slot != no_slot && inputs[i].defined()) value(graph_.inputs[i].slot) = inputs[i];
  struct Clear {
    Executor& of;
    ~Clear() { of.clear(); }
  } const clear_at_end{*this};
  if (!constant_part_.nodes.empty()) take_constants();
  {
    Modes modes(device_.type());
    for (const int i : order_) {
      const Node& node = graph_.nodes[static_cast<std::size_t>(i)];
      run_node(node, modes);
      for (const int slot : node.release) value(slot) = c10::IValue();
    }
  }
  std::vector<at::Tensor> out;
  for (const int slot : graph_.outputs) {
    if (slot != no_slot && !value(slot).isTensor() && !value(slot).isNone())
      throw std::runtime_error("an output of the model is not a tensor");
    out.push_back(slot == no_slot || value(slot).isNone() ? at::Tensor() : value(slot).toTensor());
  }
  return out;
}

void Executor::take_constants() {
  std::vector<std::int64_t> key{autocast_key(device_.type())};
  for (const int i : constant_part_.nodes) {
    const Node& node = graph_.nodes[static_cast<std::size_t>(i)];
    if (node.kind != Node::Kind::size) continue;
    Modes modes(device_.type());
    run_node(node, modes);
    key.push_back(value(node.results[0].slot).toInt());
  }
  auto found = std::find_if(constants_.begin(), constants_.end(), [&](const auto& of) { return of.key == key; });
  if (found == constants_.end()) {
    Constants made{std::move(key), {}};
    make_constants(made);
    if (constants_.size() == most_shapes) constants_.erase(constants_.begin());
    found = constants_.insert(constants_.end(), std::move(made));
  }
  for (std::size_t i = 0; i < constant_part_.results.size(); ++i) value(constant_part_.results[i]) = found->values[i];
}

void Executor::make_constants(Constants& constants) {
  const at::NoGradGuard no_grad;
  {
    Modes modes(device_.type());
    for (const int i : constant_part_.nodes) run_node(graph_.nodes[static_cast<std::size_t>(i)], modes);
  }
  for (const int slot : constant_part_.results) constants.values.push_back(value(slot));
  for (const int i : constant_part_.nodes)
    if (constant_part_.is_constant[static_cast<std::size_t>(i)])
      for_each_result(graph_.nodes[static_cast<std::size_t>(i)], [&](int slot) { value(slot) = c10::IValue(); });
}

void Executor::run_node(const Node& node, Modes& modes) try {
  switch (node.kind) {
    case Node::Kind::call:
      return call(node);
    case Node::Kind::size:
      value(node.results[0].slot) = value(node.arguments[0].slot).toTensor().size(node.arguments[1].value.toInt());
      return;
    case Node::Kind::number:
      numbers_.clear();
      for (const Argument& argument : node.arguments)
        numbers_.push_back(argument.slot == no_slot ? argument.value : value(argument.slot));
      if (node.results[0].slot != no_slot) value(node.results[0].slot) = node.function(numbers_);
      return;
    case Node::Kind::enter_grad:
      return modes.enter_grad(node.enabled);
    case Node::Kind::leave_grad:
      return modes.leave_grad();
    case Node::Kind::enter_autocast:
      return modes.enter_autocast(node.enabled, node.dtype);
    case Node::Kind::leave_autocast:
      return modes.leave_autocast();
  }
} catch (...) {
  throw as_error(std::current_exception(), error_id::model_failed, node_text(node));
}

void Executor::call(const Node& node) {
  stack_.clear();
  for (const Argument& argument : node.arguments) push(argument);
  if (node.check) node.check(stack_);
  node.op->callBoxed(stack_);
  for (std::size_t i = 0; i < node.results.size(); ++i) {
    const Result& result = node.results[i];
    if (result.is_list) {
      const auto list = stack_[i].toTensorList();
      if (list.size() < result.items.size())
        throw std::runtime_error("it gave a list of fewer tensors than the export");
      for (std::size_t k = 0; k < result.items.size(); ++k) value(result.items[k]) = list.get(k);
    } else if (result.slot != no_slot) {
      value(result.slot) = std::move(stack_[i]);
    }
  }
  stack_.clear();
}

void Executor::push(const Argument& argument) {
  switch (argument.kind) {
    case Argument::Kind::constant:
      stack_.push_back(argument.value);
      return;
    case Argument::Kind::slot:
      if (argument.last)
        stack_.push_back(std::move(value(argument.slot)));
      else
        stack_.push_back(value(argument.slot));
      return;
    case Argument::Kind::number_to_tensor:
      stack_.emplace_back(wrapped_number(value(argument.slot)));
      return;
    case Argument::Kind::number_to_float:
      stack_.emplace_back(as_double(value(argument.slot)));
      return;
    case Argument::Kind::ints:
      stack_.push_back(make_list<std::int64_t>(argument, values_, [](const c10::IValue& v) { return v.toInt(); }));
      return;
    case Argument::Kind::floats:
      stack_.push_back(make_list<double>(argument, values_, as_double));
      return;
    case Argument::Kind::bools:
      stack_.push_back(make_list<bool>(argument, values_, [](const c10::IValue& v) { return v.toBool(); }));
      return;
    case Argument::Kind::tensors:
      stack_.push_back(make_list<at::Tensor>(argument, values_, [](const c10::IValue& v) { return v.toTensor(); }));
      return;
    case Argument::Kind::optional_tensors:
      stack_.push_back(make_list<std::optional<at::Tensor>>(argument, values_, [](const c10::IValue& v) {
        return v.isNone() ? std::nullopt : std::optional<at::Tensor>(v.toTensor());
      }));
      return;
  }
}

}  // namespace trainer::exported
