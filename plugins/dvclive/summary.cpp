// SPDX-License-Identifier: Apache-2.0
//
// metrics.json: the last values as a tree.
#include "summary.hpp"

#include <algorithm>

namespace trainer::dvclive {
namespace {

using plugins::Escape;
using Node = Summary::Node;

Node* child(Node& node, std::string_view name) {
  const auto found = node.by_name.find(name);
  return found == node.by_name.end() ? nullptr : found->second;
}

Node& add_child(Node& node, std::string_view name) {
  Node& made = *node.children.emplace_back(std::make_unique<Node>());
  made.name = name;
  node.by_name.emplace(made.name, &made);
  return made;
}

void write_node(std::string& out, const Node& node, std::size_t indent) {
  out += '{';
  bool first = true;
  for (const auto& one : node.children) {
    out += first ? "\n" : ",\n";
    first = false;
    out.append(indent + 4, ' ');
    plugins::append_json_string(out, one->name, Escape::ascii);
    out += ": ";
    if (!one->value.empty())
      out += one->value;
    else
      write_node(out, *one, indent + 4);
  }
  if (!first) {
    out += '\n';
    out.append(indent, ' ');
  }
  out += '}';
}

void load_node(Node& node, const plugins::JsonTree& object) {
  for (std::size_t i = 0; i < object.items.size(); ++i) {
    Node& made = add_child(node, object.keys[i]);
    if (object.items[i].kind == plugins::JsonTree::Kind::object)
      load_node(made, object.items[i]);
    else
      plugins::append_json(made.value, object.items[i], Escape::ascii, false);
  }
}

}  // namespace

Summary::Node& Summary::at(std::string_view path) {
  Node* node = &root_;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view name = path.substr(begin, end - begin);
    Node* next = child(*node, name);
    if (next == nullptr) next = &add_child(*node, name);
    node->value.clear();
    node = next;
    begin = end + 1;
  }
  return *node;
}

void Summary::erase(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  Node& parent = slash == path.npos ? root_ : at(path.substr(0, slash));
  const std::string_view name = slash == path.npos ? path : path.substr(slash + 1);
  parent.by_name.erase(name);
  auto& all = parent.children;
  all.erase(std::remove_if(all.begin(), all.end(), [&](auto& n) { return n->name == name; }), all.end());
  if (all.empty() && slash != path.npos) erase(path.substr(0, slash));
}

void Summary::load(const plugins::JsonTree& object) {
  root_.by_name.clear(), root_.children.clear();
  load_node(root_, object);
}

void Summary::write(std::string& out) const {
  write_node(out, root_, 0);
  out += '\n';
}

}  // namespace trainer::dvclive
