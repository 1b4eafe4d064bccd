// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "exported/archive.hpp"
#include "exported/executor.hpp"
#include "exported/facts.hpp"
#include "exported/graph.hpp"
#include "exported/input_check.hpp"
#include "exported/weights.hpp"

namespace trainer::exported {

/// An exported model in memory: its graphs for training and evaluation, its weights, and what is known of it.
class Program {
 public:
  /// Reads a `.pt2` file. It is not trusted: an Error (model-file.invalid) says what is wrong.
  explicit Program(const std::filesystem::path& file);

  const std::vector<InputSpec>& inputs() const { return graphs_.training.inputs; }
  const std::vector<std::string>& outputs() const { return outputs_; }  ///< "" for those without a name
  const Weights& weights() const { return weights_; }
  const Facts& facts() const { return facts_; }
  bool has_evaluation_graph() const { return has_evaluation_graph_; }

  /// The outputs that are `wanted`, by their index; undefined where an input is missing that they need. `tensors`: one
  /// for each of inputs(), undefined where there is none.
  std::vector<at::Tensor> run(bool training, const std::vector<at::Tensor>& tensors, const std::vector<char>& wanted);
  /// Moves what no module holds.
  void set_device(at::Device device);

 private:
  struct Graphs {
    Graph training, evaluation;
  };
  struct Prepared {
    const Graph* graph;
    std::vector<char> given, wanted;
    Executor executor;
  };
  Graph read_beside(const Archive& archive, const char* name) const;
  const Graph& graph_for(bool training) const;
  Executor& executor_for(bool training, const std::vector<at::Tensor>& tensors, const std::vector<char>& wanted);

  std::string file_;
  Graphs graphs_;
  std::optional<Graphs> bfloat16_graphs_;  // of a model that decides by the types of its tensors, for autocast
  bool has_evaluation_graph_ = false;
  std::vector<std::string> outputs_;
  Ranges ranges_;
  Weights weights_;
  Facts facts_;
  at::Device device_ = at::kCPU;
  std::vector<char> given_;  // of the last run
  std::vector<std::unique_ptr<Prepared>> prepared_;
};

}  // namespace trainer::exported
