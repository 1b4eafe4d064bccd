// SPDX-License-Identifier: Apache-2.0
//
// An exported graph in the form that is run: values have numbers ("slots"), operators are found, and arguments stand in
// the order of their schema.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "exported/operator_check.hpp"

namespace trainer::exported {

constexpr int no_slot = -1;

/// Where an argument of a node comes from.
struct Argument {
  enum class Kind : std::uint8_t {
    constant,          ///< `value`
    slot,              ///< the value of a slot
    number_to_tensor,  ///< a number of a slot, which Python would make a tensor
    number_to_float,   ///< the same, a float
    ints,              ///< lists: the values of the slots `items`, or of `fixed` where there is no slot
    floats,
    bools,
    tensors,
    optional_tensors,
  };
  Kind kind = Kind::constant;
  bool last = false;  ///< the slot's last use: its value is moved
  int slot = no_slot;
  c10::IValue value;
  std::vector<int> items;
  std::vector<c10::IValue> fixed;
};

/// What one return of an operator fills: a slot, or those of the tensors of a list.
struct Result {
  int slot = no_slot;
  bool is_list = false;
  std::vector<int> items;
};

/// An operation on numbers, such as sizes: ints, floats and booleans.
using NumberFunction = c10::IValue (*)(const std::vector<c10::IValue>&);

struct Node {
  enum class Kind : std::uint8_t {
    call,            ///< `op`
    size,            ///< of the slot of the first argument, in the dimension of the second
    number,          ///< `function`
    enter_grad,      ///< gradients are on or off (`enabled`) until leave_grad
    leave_grad,      //
    enter_autocast,  ///< autocast is on or off until leave_autocast
    leave_autocast,
  };
  Kind kind = Kind::call;
  bool pure = false;  ///< gives the same for the same, and writes nothing
  bool enabled = false;
  std::optional<c10::OperatorHandle> op;
  NumberFunction function = nullptr;
  OperatorCheck check = nullptr;        ///< of `op`
  std::optional<at::ScalarType> dtype;  // of autocast
  std::vector<Argument> arguments;
  std::vector<Result> results;
  std::vector<int> written;  ///< slots whose tensors it changes
  std::vector<int> release;  ///< slots that nothing reads after it
  std::string name, target, module;
};

/// A user's input as the model was exported for it.
struct InputSpec {
  struct Dimension {
    std::int64_t size = -1;  ///< -1: any
    std::string symbol;      ///< of dimensions that are equal; may be empty
  };
  std::string name;
  at::ScalarType type = at::kFloat;
  std::vector<Dimension> dimensions;
  int slot = no_slot;  ///< none: a constant of the export, which is not asked for
};

/// A parameter, a buffer or a constant that the graph reads.
struct StateInput {
  int slot;
  std::string name;
  bool fixed;  ///< a constant: nothing but the graph itself could change it
};

struct Graph {
  std::vector<Node> nodes;
  std::vector<InputSpec> inputs;
  std::vector<StateInput> state;
  std::vector<int> outputs;  ///< slots; none for None
  int slots = 0;
};

/// Calls `f` with each slot that a node reads, or fills.
/// @{
template <typename F>
void for_each_read(const Node& node, F&& f) {
  for (const Argument& argument : node.arguments) {
    if (argument.slot != no_slot) f(argument.slot);
    for (const int slot : argument.items)
      if (slot != no_slot) f(slot);
  }
}
template <typename F>
void for_each_result(const Node& node, F&& f) {
  for (const Result& result : node.results) {
    if (result.slot != no_slot) f(result.slot);
    for (const int slot : result.items) f(slot);
  }
}
/// @}

/// "node linear_3 (aten.linear.default, in transformer.h.0.mlp)"
std::string node_text(const Node& node);

}  // namespace trainer::exported
