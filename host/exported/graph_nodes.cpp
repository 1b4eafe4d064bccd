// SPDX-License-Identifier: Apache-2.0
//
// GraphReader's nodes: operators, operations on numbers, and regions of a mode.
#include <ATen/core/jit_type.h>
#include <torch/version.h>

#include <algorithm>

#include "exported/graph_reader.hpp"
#include "exported/number_functions.hpp"
#include "exported/schema_types.hpp"

namespace trainer::exported {
namespace {

// torch.ops.NAMESPACE.NAME.OVERLOAD; nothing for what is no operator of LibTorch.
std::optional<c10::OperatorHandle> find_operator(std::string_view target) {
  constexpr std::string_view begin = "torch.ops.";
  if (!target.starts_with(begin)) return std::nullopt;
  target.remove_prefix(begin.size());
  const auto first = target.find('.'), second = target.find('.', first + 1);
  if (first == target.npos || second == target.npos) return std::nullopt;
  const std::string name =
      std::string(target.substr(0, first)) + "::" + std::string(target.substr(first + 1, second - first - 1));
  const std::string_view overload = target.substr(second + 1);
  return c10::Dispatcher::singleton().findSchema({name, overload == "default" ? "" : std::string(overload)});
}

bool is_random(const c10::OperatorHandle& op) {
  const auto tags = op.getTags();
  return std::find(tags.begin(), tags.end(), at::Tag::nondeterministic_seeded) != tags.end();
}

// The last of "key,path,class;key,path,class": the module whose forward made the node.
std::string module_of(const ProgramJson& node) {
  const auto metadata = node.find("metadata");
  const auto stack = metadata ? metadata->find("nn_module_stack") : std::nullopt;
  if (!stack || !stack->is_text()) return {};
  std::string_view last = stack->text();
  last.remove_prefix(last.rfind(';') == last.npos ? 0 : last.rfind(';') + 1);
  const auto first = last.find(','), second = last.find(',', first + 1);
  if (first == last.npos || second == last.npos) return {};
  return std::string(last.substr(first + 1, second - first - 1));
}

std::string short_name(const std::string& target) {
  constexpr std::string_view begin = "torch.ops.";
  return target.starts_with(begin) ? target.substr(begin.size()) : target;
}

}  // namespace

std::string node_text(const Node& node) {
  return "node " + node.name + " (" + short_name(node.target) + (node.module.empty() ? "" : ", in " + node.module) +
         ")";
}

void GraphReader::read_node(const ProgramJson& json, const std::string& target, Names& names) {
  Node node;
  node.target = target;
  const auto name = json.find("name");
  node.name = name ? std::string(name->text()) : target;
  node.module = module_of(json);
  where_ = file_ + ": " + node_text(node);
  const auto inputs = json.at("inputs"), outputs = json.at("outputs");
  if (target.starts_with("torch.ops.higher_order.")) return read_region(json, target, names);
  if (target == "torch.ops.aten.sym_size.int") {
    node.kind = Node::Kind::size;
    node.arguments.emplace_back();
    node.arguments[0].kind = Argument::Kind::slot;
    node.arguments[0].slot = names.require(inputs.at(std::size_t{0}).at("arg").at("as_tensor").at("name"));
    node.arguments.push_back(read_operand(inputs.at(std::size_t{1}).at("arg"), names));
    if (!node.arguments[1].value.isInt()) inputs.wrong("a whole number as the dimension");
  } else if (!target.starts_with("torch.ops.")) {
    node.kind = Node::Kind::number;
    node.function = number_function(target);
    if (!node.function) unknown_.insert(target);
    for (std::size_t i = 0; i < inputs.size(); ++i)
      node.arguments.push_back(read_operand(inputs.at(i).at("arg"), names));
  } else {
    return read_call(inputs, outputs, std::move(node), names);
  }
  node.pure = true;
  read_results(outputs, node, names);
  if (node.results.size() != 1 || node.results[0].is_list) outputs.wrong("one number");
  graph_.nodes.push_back(std::move(node));
}

void GraphReader::read_call(const ProgramJson& inputs, const ProgramJson& outputs, Node node, Names& names) {
  node.op = find_operator(node.target);
  if (!node.op) {
    unknown_.insert(short_name(node.target));
    read_results(outputs, node, names);
    return;
  }
  if (node.target.starts_with("torch.ops.aten.from_file."))
    refuse(where_ + " opens a file of its own, which no model may; export the model without it");
  const auto& schema = node.op->schema();
  node.arguments = read_arguments(inputs, node, names);
  node.pure = !is_random(*node.op) && !schema.is_mutable() && !schema.returns().empty() && node.written.empty();
  if (flip_ && node.target == "torch.ops.aten.add_.Tensor" && counters_.contains(node.arguments[0].slot)) {
    // An evaluation counts no batches.
    names.set(outputs.at(std::size_t{0}).at("as_tensor").at("name").text(), node.arguments[0].slot);
    return;
  }
  if (flip_) flip_arguments(node);
  node.check = operator_check(schema);
  read_results(outputs, node, names);
  if (node.results.size() > schema.returns().size())
    refuse(where_ + " has " + std::to_string(node.results.size()) + " results, but the operator gives " +
           std::to_string(schema.returns().size()) + damaged);
  graph_.nodes.push_back(std::move(node));
}

std::vector<Argument> GraphReader::read_arguments(const ProgramJson& inputs, Node& node, const Names& names) {
  std::vector<Argument> out;
  std::vector<char> used(inputs.size());
  for (const auto& wanted : node.op->schema().arguments()) {
    Argument argument;
    bool found = false;
    for (std::size_t i = 0; i < inputs.size() && !found; ++i) {
      if (used[i] || inputs.at(i).at("name").text() != wanted.name()) continue;
      argument = read_argument(inputs.at(i).at("arg"), wanted, names);
      used[i] = found = true;
    }
    if (!found) {
      if (!wanted.default_value()) refuse(where_ + " lacks the argument \"" + wanted.name() + "\"" + damaged);
      argument.value = *wanted.default_value();
    }
    // Of running statistics the schemas do not say that they are written.
    const bool writes = (wanted.alias_info() && wanted.alias_info()->isWrite()) || wanted.name() == "running_mean" ||
                        wanted.name() == "running_var";
    if (writes) {
      if (argument.slot != no_slot) node.written.push_back(argument.slot);
      for (const int slot : argument.items)
        if (slot != no_slot) node.written.push_back(slot);
      if (argument.kind == Argument::Kind::constant && argument.value.isTensor())
        refuse(where_ + " writes to a constant" + damaged);
    }
    out.push_back(std::move(argument));
  }
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (!used[i])
      refuse(where_ + ": this operator of LibTorch " TORCH_VERSION " has no argument \"" +
             std::string(inputs.at(i).at("name").text()) + "\"; export the model with this version of PyTorch");
  return out;
}

// In the names of torch's own layers.
void GraphReader::flip_arguments(Node& node) const {
  const auto& schema = node.op->schema();
  bool has_statistics = false;
  for (std::size_t i = 0; i < node.arguments.size(); ++i)
    has_statistics |= schema.arguments()[i].name() == "running_mean" && node.arguments[i].slot != no_slot;
  for (std::size_t i = 0; i < node.arguments.size(); ++i) {
    const auto& name = schema.arguments()[i].name();
    auto& value = node.arguments[i].value;
    if ((name == "train" || name == "training" || (name == "use_input_stats" && has_statistics)) && value.isBool())
      value = false;
    if (name == "dropout_p" && value.isDouble()) value = 0.0;
  }
}

void GraphReader::read_results(const ProgramJson& outputs, Node& node, Names& names) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto [kind, held] = outputs.at(i).only();
    Result result;
    if (kind == "as_tensor") {
      result.slot = define(held.at("name"), names);
    } else if (kind == "as_sym_int" || kind == "as_sym_float" || kind == "as_sym_bool") {
      if (const auto name = held.find("as_name")) result.slot = define(*name, names);
    } else if (kind == "as_tensors") {
      result.is_list = true;
      for (std::size_t k = 0; k < held.size(); ++k) result.items.push_back(define(held.at(k).at("name"), names));
    } else if (kind != "as_none") {
      refuse(where_ + ": a result of the kind \"" + std::string(kind) + "\" is not supported" + damaged);
    }
    node.results.push_back(std::move(result));
  }
}

void GraphReader::read_region(const ProgramJson& json, const std::string& target, Names& names) {
  const auto inputs = json.at("inputs"), outputs = json.at("outputs");
  const auto argument = [&](std::size_t i) { return inputs.at(i).at("arg"); };
  Node enter, leave;
  enter.target = leave.target = target;
  enter.name = leave.name = std::string(json.find("name") ? json.at("name").text() : target);
  std::size_t body = 0;
  if (target == "torch.ops.higher_order.wrap_with_set_grad_enabled") {
    enter.kind = Node::Kind::enter_grad;
    leave.kind = Node::Kind::leave_grad;
    enter.enabled = argument(0).at("as_bool").boolean();
    body = 1;
  } else if (target == "torch.ops.higher_order.wrap_with_autocast") {  // device, type, enabled, cache
    enter.kind = Node::Kind::enter_autocast;
    leave.kind = Node::Kind::leave_autocast;
    if (const auto type = argument(1).find("as_scalar_type")) enter.dtype = scalar_type(*type);
    enter.enabled = argument(2).at("as_bool").boolean();
    body = 4;
  } else {
    refuse(where_ + ": the higher-order operator is not supported, expected those of torch.no_grad() and " +
           "torch.autocast(); export the model without it");
  }
  const auto graph = argument(body).at("as_graph").at("graph");
  const auto parameters = graph.at("inputs");
  const auto name_of = [](const ProgramJson& value) {
    const auto held = value.only().second;
    const auto name = held.find("name");
    return name ? *name : held.at("as_name");
  };
  Names inner;
  for (std::size_t i = 0; i < parameters.size(); ++i)
    inner.set(name_of(parameters.at(i)).text(), names.require(name_of(argument(body + 1 + i))));
  graph_.nodes.push_back(std::move(enter));
  read_nodes(graph, inner);
  graph_.nodes.push_back(std::move(leave));

  std::vector<ProgramJson> results;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto [kind, held] = outputs.at(i).only();
    if (kind != "as_tensors") {
      results.push_back(name_of(outputs.at(i)));
    } else {
      for (std::size_t k = 0; k < held.size(); ++k) results.push_back(held.at(k).at("name"));
    }
  }
  const auto given = graph.at("outputs");
  if (given.size() != results.size()) outputs.wrong("as many results as the sub-graph has");
  for (std::size_t i = 0; i < results.size(); ++i) names.set(results[i].text(), inner.require(name_of(given.at(i))));
}

}  // namespace trainer::exported
