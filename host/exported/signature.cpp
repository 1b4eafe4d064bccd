// SPDX-License-Identifier: Apache-2.0
#include "exported/signature.hpp"

#include "trainer/error.hpp"

namespace trainer::exported {
namespace {

bool is_leaf(const ProgramJson& tree) { return !tree.find("type"); }

std::size_t leaves(const ProgramJson& tree) {
  if (is_leaf(tree)) return 1;
  const auto children = tree.at("children_spec");
  std::size_t out = 0;
  for (std::size_t i = 0; i < children.size(); ++i) out += leaves(children.at(i));
  return out;
}

// The keys of a dict, or of a class that is like one; none where there are others than `count` texts.
std::vector<std::string> keys(const ProgramJson& tree, std::size_t count) {
  std::vector<std::string> out;
  const auto context = tree.find("context");
  if (!context || !context->is_text()) return out;
  json::value parsed;
  try {
    parsed = json::parse(context->text(), "");
  } catch (const Error&) {
    return out;  // a class has a context of its own kind
  }
  const json::value* list = &parsed;
  if (parsed.is_array() && !parsed.get_array().empty() && parsed.get_array()[0].is_array())
    list = &parsed.get_array()[0];
  if (!list->is_array() || list->get_array().size() != count) return out;
  for (const auto& key : list->get_array()) {
    if (!key.is_string()) return {};
    out.emplace_back(key.get_string());
  }
  return out;
}

void add_inputs(const ProgramJson& tree, const std::vector<std::string>& names, std::vector<std::string>& out) {
  const auto children = tree.at("children_spec");
  for (std::size_t i = 0; i < children.size(); ++i) {
    const std::string name = i < names.size() ? names[i] : "";
    if (!is_leaf(children.at(i)))
      refuse(tree.where() + ": the input \"" + name +
             "\" is a container of values, expected one tensor; export a model whose inputs are tensors");
    out.push_back(name);
  }
}

}  // namespace

Signature read_signature(const ProgramJson& graph_module) {
  const auto signature = graph_module.at("module_call_graph").at(std::size_t{0}).at("signature");
  Signature out;
  // Trees of containers are JSON in a text of the JSON. [version, (args, kwargs)]
  const json::value inputs = parse(signature.at("in_spec").text(), signature.where());
  const auto call = ProgramJson(inputs, signature.where()).at(std::size_t{1}).at("children_spec");
  const auto args = call.at(std::size_t{0}), kwargs = call.at(std::size_t{1});
  add_inputs(args, signature.texts("forward_arg_names"), out.inputs);
  add_inputs(kwargs, keys(kwargs, kwargs.at("children_spec").size()), out.inputs);

  const json::value outputs = parse(signature.at("out_spec").text(), signature.where());
  const auto tree = ProgramJson(outputs, signature.where()).at(std::size_t{1});
  if (is_leaf(tree)) {
    out.outputs.emplace_back("logits");
    return out;
  }
  const auto children = tree.at("children_spec");
  const auto names = keys(tree, children.size());
  for (std::size_t i = 0; i < children.size(); ++i) {
    const std::size_t count = leaves(children.at(i));
    const bool named = count == 1 && i < names.size();
    out.outputs.insert(out.outputs.end(), count, named ? names[i] : "");
  }
  return out;
}

}  // namespace trainer::exported
