// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/stack.h>

#include <map>
#include <string>
#include <vector>

#include "exported/graph.hpp"
#include "exported/graph_passes.hpp"

namespace trainer::exported {

/// Runs a graph through LibTorch's dispatcher, as eager PyTorch would run the module: with gradients and autocast as
/// they are on, random numbers drawn in the same order, and tensors freed as early. One thread.
class Executor {
 public:
  /// See slice(). `state` has a tensor of each name of the graph's state; they are kept, and what is written to them
  /// later is seen.
  Executor(const Graph& graph, const std::vector<char>& given, const std::vector<char>& wanted,
           const std::map<std::string, at::Tensor>& state, at::Device device);

  /// A tensor for each input that is given, in the order of the graph's inputs; others are not looked at. The outputs;
  /// undefined where they are not wanted, or need an input that is missing. What a node throws is an Error that names
  /// it.
  std::vector<at::Tensor> run(const std::vector<at::Tensor>& inputs);
  bool gives(std::size_t output) const { return graph_.outputs[output] != no_slot; }
  /// Of what the model makes itself from now on.
  void set_device(at::Device device);

 private:
  struct Modes;
  struct Constants {
    std::vector<std::int64_t> key;  // sizes, and the type of autocast
    std::vector<c10::IValue> values;
  };
  void take_constants();
  void make_constants(Constants& constants);
  void run_node(const Node& node, Modes& modes);
  void call(const Node& node);
  void push(const Argument& argument);
  void clear();
  c10::IValue& value(int slot) { return values_[static_cast<std::size_t>(slot)]; }

  Graph graph_;
  at::Device device_;
  ConstantPart constant_part_;
  std::vector<Constants> constants_;  // of the last shapes
  std::vector<int> order_;            // nodes that run for each batch
  std::vector<std::pair<int, at::Tensor>> state_;
  std::vector<c10::IValue> values_;  // by slot
  std::vector<c10::IValue> numbers_;
  torch::jit::Stack stack_;
};

}  // namespace trainer::exported
