// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "exported/argument_reader.hpp"
#include "exported/graph.hpp"
#include "exported/program_json.hpp"
#include "exported/signature.hpp"

namespace trainer::exported {

/// Makes a Graph of the JSON of an exported program, "models/model.json". Sub-graphs of a mode (gradients, autocast)
/// become part of it. Errors name the node; operators that this LibTorch lacks are all in one.
class GraphReader {
 public:
  /// `where` begins sentences. `flip`: the training graph is read as one for evaluation, by the names of the arguments
  /// that say which it is.
  GraphReader(const json::value& program, std::string where, bool flip);
  Graph read();
  const std::vector<std::string>& output_names() const { return signature_.outputs; }

 private:
  void read_inputs(const ProgramJson& graph_module);
  void add_user_input(const ProgramJson& spec, const ProgramJson& graph_module);
  void read_outputs(const ProgramJson& signature);
  void read_nodes(const ProgramJson& graph, Names& names);
  void read_node(const ProgramJson& node, const std::string& target, Names& names);
  void read_call(const ProgramJson& inputs, const ProgramJson& outputs, Node node, Names& names);
  void read_region(const ProgramJson& node, const std::string& target, Names& names);
  std::vector<Argument> read_arguments(const ProgramJson& inputs, Node& node, const Names& names);
  void flip_arguments(Node& node) const;
  void read_results(const ProgramJson& outputs, Node& node, Names& names);
  int define(const ProgramJson& name, Names& names);

  const json::value& program_;
  std::string file_, where_;  // where_: file_ and the node that is read
  bool flip_;
  Graph graph_;
  Names names_;
  Signature signature_;
  std::set<std::string> unknown_;  // operators
  std::set<int> counters_;         // slots of num_batches_tracked
};

}  // namespace trainer::exported
