// SPDX-License-Identifier: Apache-2.0
//
// The latest value of each metric, nested by the slashes of its name: metrics.json.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shared/json_tree/json_tree.hpp"

namespace trainer::dvclive {

class Summary {
 public:
  struct Node {
    std::string name;
    std::string value;  ///< as JSON; empty for a group
    std::vector<std::unique_ptr<Node>> children;
    std::unordered_map<std::string_view, Node*> by_name;  ///< the same; keys are the children's names
  };

  /// The node of "eval/loss", made where it is missing; it stays where it is in memory. A value
  /// above it ("eval") goes.
  Node& at(std::string_view path);
  void erase(std::string_view path);

  void load(const plugins::JsonTree& object);
  bool empty() const { return root_.children.empty(); }

  /// Appends json.dumps(indent=4) with a line end.
  void write(std::string& out) const;

 private:
  Node root_;
};

}  // namespace trainer::dvclive
