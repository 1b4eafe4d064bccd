// SPDX-License-Identifier: Apache-2.0
#include "exported/graph_passes.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace trainer::exported {
namespace {

using Flags = std::vector<char>;

Flags flags(const Graph& graph) { return Flags(static_cast<std::size_t>(graph.slots)); }

char& at(Flags& of, int slot) { return of[static_cast<std::size_t>(slot)]; }

// Reads the size from another input, of those that are given.
void replace_size(Node& size, const Graph& graph, const Flags& given) {
  const auto is_missing = [&](std::size_t i) { return !given[i] && graph.inputs[i].slot == size.arguments[0].slot; };
  std::size_t missing = 0;
  while (missing < graph.inputs.size() && !is_missing(missing)) ++missing;
  if (missing == graph.inputs.size()) return;
  const auto dimension = size.arguments[1].value.toInt();
  const auto& of_missing = graph.inputs[missing].dimensions;
  if (dimension < 0 || dimension >= std::ssize(of_missing)) return;
  const auto& symbol = of_missing[static_cast<std::size_t>(dimension)].symbol;
  if (symbol.empty()) return;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    if (!given[i]) continue;
    const auto& other = graph.inputs[i].dimensions;
    for (std::size_t d = 0; d < other.size(); ++d) {
      if (other[d].symbol != symbol) continue;
      size.arguments[0].slot = graph.inputs[i].slot;
      size.arguments[1].value = static_cast<std::int64_t>(d);
      return;
    }
  }
}

bool begins_or_ends_mode(const Node& node) {
  return node.kind != Node::Kind::call && node.kind != Node::Kind::size && node.kind != Node::Kind::number;
}

}  // namespace

Graph slice(const Graph& graph, const Flags& given, const Flags& wanted) {
  Graph out = graph;
  Flags missing = flags(graph), is_state = flags(graph);
  for (const auto& state : graph.state) at(is_state, state.slot) = 1;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i)
    if (!given[i] && graph.inputs[i].slot != no_slot) at(missing, graph.inputs[i].slot) = 1;
  std::erase_if(out.nodes, [&](Node& node) {
    if (node.kind == Node::Kind::size) replace_size(node, graph, given);
    bool lacks = false;
    for_each_read(node, [&](int slot) { lacks |= at(missing, slot) != 0; });
    if (!lacks) return false;
    for_each_result(node, [&](int slot) { at(missing, slot) = 1; });
    // What should have been written to is not what it would be; a buffer of the model just stays.
    for (const int slot : node.written)
      if (!at(is_state, slot)) at(missing, slot) = 1;
    return true;
  });
  for (std::size_t i = 0; i < out.outputs.size(); ++i) {
    int& slot = out.outputs[i];
    if (slot != no_slot && (!wanted[i] || at(missing, slot))) slot = no_slot;
  }
  return out;
}

void remove_dead_nodes(Graph& graph) {
  Flags live = flags(graph), keep(graph.nodes.size());
  for (const int slot : graph.outputs)
    if (slot != no_slot) at(live, slot) = 1;
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    bool used = !node.pure;
    for_each_result(node, [&](int slot) { used |= at(live, slot) != 0; });
    if (!used) continue;
    keep[i] = 1;
    for_each_read(node, [&](int slot) { at(live, slot) = 1; });
  }
  std::size_t i = 0;
  std::erase_if(graph.nodes, [&](const Node&) { return !keep[i++]; });
}

ConstantPart find_constant_part(const Graph& graph) {
  const auto count = graph.nodes.size();
  ConstantPart out{.nodes = {}, .is_constant = Flags(count), .sizes = {}, .results = {}};
  // A slot's value: 0 of the batch, 1 constant, 2 the size of an input.
  Flags kind = flags(graph), is_input = flags(graph);
  std::vector<std::size_t> maker(static_cast<std::size_t>(graph.slots), count);
  for (const auto& input : graph.inputs)
    if (input.slot != no_slot) at(is_input, input.slot) = 1;
  for (const auto& state : graph.state)
    if (state.fixed) at(kind, state.slot) = 1;

  // A tensor that is written to is not constant, and neither is anything that it may be a view of.
  Flags written = flags(graph);
  for (std::size_t i = 0; i < count; ++i)
    for_each_result(graph.nodes[i], [&](int slot) { maker[static_cast<std::size_t>(slot)] = i; });
  std::vector<int> todo;
  for (const Node& node : graph.nodes) todo.insert(todo.end(), node.written.begin(), node.written.end());
  while (!todo.empty()) {
    const int slot = todo.back();
    todo.pop_back();
    if (std::exchange(at(written, slot), 1)) continue;
    at(kind, slot) = 0;
    const auto from = maker[static_cast<std::size_t>(slot)];
    if (from < count) for_each_read(graph.nodes[from], [&](int read) { todo.push_back(read); });
  }

  for (std::size_t i = 0; i < count; ++i) {
    const Node& node = graph.nodes[i];
    if (node.kind == Node::Kind::size) {
      if (at(is_input, node.arguments[0].slot)) at(kind, node.results[0].slot) = 2;
      continue;
    }
    bool constant = node.pure;
    for_each_read(node, [&](int slot) { constant &= at(kind, slot) != 0; });
    for_each_result(node, [&](int slot) { constant &= !at(written, slot); });
    if (!constant) continue;
    out.is_constant[i] = 1;
    for_each_result(node, [&](int slot) { at(kind, slot) = 1; });
  }

  Flags is_size = flags(graph), is_result = flags(graph), made = flags(graph);
  for (std::size_t i = 0; i < count; ++i)
    for_each_read(graph.nodes[i], [&](int slot) {
      if (out.is_constant[i] && at(kind, slot) == 2) at(is_size, slot) = 1;
      if (!out.is_constant[i] && maker[static_cast<std::size_t>(slot)] < count &&
          out.is_constant[maker[static_cast<std::size_t>(slot)]])
        at(is_result, slot) = 1;
    });
  for (const int slot : graph.outputs)
    if (slot != no_slot && maker[static_cast<std::size_t>(slot)] < count &&
        out.is_constant[maker[static_cast<std::size_t>(slot)]])
      at(is_result, slot) = 1;
  for (int slot = 0; slot < graph.slots; ++slot) {
    if (at(is_size, slot)) out.sizes.push_back(slot);
    if (at(is_result, slot)) out.results.push_back(slot);
  }
  if (out.results.empty()) return {.nodes = {}, .is_constant = Flags(count), .sizes = {}, .results = {}};
  for (std::size_t i = 0; i < count; ++i) {
    const Node& node = graph.nodes[i];
    const bool is_needed_size = node.kind == Node::Kind::size && at(is_size, node.results[0].slot);
    if (out.is_constant[i] || is_needed_size || begins_or_ends_mode(node)) out.nodes.push_back(static_cast<int>(i));
  }
  return out;
}

void mark_last_uses(Graph& graph, const Flags& kept, const Flags& skipped) {
  Flags later = kept;
  for (const int slot : graph.outputs)
    if (slot != no_slot) at(later, slot) = 1;
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    if (skipped[i]) continue;
    Node& node = graph.nodes[i];
    node.release.clear();
    for_each_result(node, [&](int slot) {
      if (!at(later, slot)) node.release.push_back(slot);
    });
    std::map<int, int> uses;
    for_each_read(node, [&](int slot) { ++uses[slot]; });
    for (Argument& argument : node.arguments) {
      if (argument.slot == no_slot || at(later, argument.slot)) continue;
      argument.last =
          argument.kind == Argument::Kind::slot && node.kind == Node::Kind::call && uses[argument.slot] == 1;
      if (argument.last) uses.erase(argument.slot), at(later, argument.slot) = 1;
    }
    for (const auto& [slot, count] : uses)
      if (!std::exchange(at(later, slot), 1)) node.release.push_back(slot);
  }
}

}  // namespace trainer::exported
