// SPDX-License-Identifier: Apache-2.0
#include "exported/graph_reader.hpp"

#include <torch/version.h>

#include "base/text.hpp"
#include "exported/schema_types.hpp"

namespace trainer::exported {
namespace {

// What export adds to check what it assumed; devices and types among that are others in a training.
bool is_check(std::string_view target) {
  for (const char* name : {"_assert_tensor_metadata.default", "_assert_scalar.default", "sym_constrain_range.default",
                           "sym_constrain_range_for_size.default"})
    if (target == std::string("torch.ops.aten.") + name) return true;
  return false;
}

}  // namespace

GraphReader::GraphReader(const json::value& program, std::string where, bool flip)
    : program_(program), file_(std::move(where)), where_(file_), flip_(flip) {}

Graph GraphReader::read() {
  const ProgramJson root(program_, where_);
  if (const auto major = root.at("schema_version").at("major").integer(); major != 8)
    refuse(file_ + " has the export schema " + std::to_string(major) + ", expected 8" +
           "; export the model again with the PyTorch that this is linked with, " TORCH_VERSION);
  const auto graph_module = root.at("graph_module");
  signature_ = read_signature(graph_module);
  read_inputs(graph_module);
  read_nodes(graph_module.at("graph"), names_);
  where_ = file_;
  if (!unknown_.empty())
    refuse(file_ + ": LibTorch " TORCH_VERSION " has no operator " + join({unknown_.begin(), unknown_.end()}) +
           ", which the model calls (it was exported by PyTorch " +
           std::string(root.find("torch_version") ? root.at("torch_version").text() : "of an unknown version") +
           "); load the library that registers it, or export the model without it");
  read_outputs(graph_module.at("signature"));
  return std::move(graph_);
}

int GraphReader::define(const ProgramJson& name, Names& names) {
  names.set(name.text(), graph_.slots);
  return graph_.slots++;
}

void GraphReader::read_inputs(const ProgramJson& graph_module) {
  const auto specs = graph_module.at("signature").at("input_specs");
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const auto [kind, spec] = specs.at(i).only();
    const auto state = [&](const char* field, bool fixed) {
      graph_.state.push_back({define(spec.at("arg").at("name"), names_), std::string(spec.at(field).text()), fixed});
    };
    if (kind == "parameter") {
      state("parameter_name", false);
    } else if (kind == "buffer") {
      state("buffer_name", !spec.at("persistent").boolean());
      if (graph_.state.back().name.ends_with("num_batches_tracked")) counters_.insert(graph_.state.back().slot);
    } else if (kind == "tensor_constant") {
      state("tensor_constant_name", true);
    } else if (kind == "user_input") {
      add_user_input(spec.at("arg"), graph_module);
    } else if (kind == "constant_input") {
      graph_.inputs.push_back({.name = "", .dimensions = {}});
    } else {
      refuse(where_ + ": the model has an input of the kind \"" + std::string(kind) +
             "\", expected tensors; export it without objects of Python");
    }
  }
  if (graph_.inputs.size() != signature_.inputs.size())
    refuse(where_ + ": the graph has " + std::to_string(graph_.inputs.size()) + " inputs, but its signature " +
           std::to_string(signature_.inputs.size()) + damaged);
  for (std::size_t i = 0; i < graph_.inputs.size(); ++i) graph_.inputs[i].name = signature_.inputs[i];
}

void GraphReader::add_user_input(const ProgramJson& argument, const ProgramJson& graph_module) {
  const auto [kind, held] = argument.only();
  InputSpec input;
  if (kind == "as_tensor") {
    const auto name = held.at("name");
    input.slot = define(name, names_);
    const auto meta = graph_module.at("graph").at("tensor_values").at(name.text());
    input.type = scalar_type(meta.at("dtype"));
    const auto sizes = meta.at("sizes");
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const auto [size_kind, size] = sizes.at(i).only();
      InputSpec::Dimension dimension;
      if (size_kind == "as_int") {
        dimension.size = size.integer();
      } else {
        // "Symbol('s43', positive=True, integer=True)"; what is more than one symbol is not compared.
        const std::string_view text = size.at("expr_str").text();
        constexpr std::string_view begin = "Symbol('";
        if (text.starts_with(begin) && text.find(')') == text.size() - 1)
          dimension.symbol = text.substr(begin.size(), text.find('\'', begin.size()) - begin.size());
      }
      input.dimensions.push_back(dimension);
    }
  } else if (kind == "as_sym_int" || kind == "as_sym_float" || kind == "as_sym_bool") {
    refuse(where_ + ": the model has a number as an input, expected tensors; export it with a fixed number");
  }
  graph_.inputs.push_back(std::move(input));
}

void GraphReader::read_outputs(const ProgramJson& signature) {
  const auto specs = signature.at("output_specs");
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const auto [kind, spec] = specs.at(i).only();
    if (kind == "user_output") {
      const auto [value_kind, held] = spec.at("arg").only();
      graph_.outputs.push_back(value_kind == "as_tensor" ? names_.require(held.at("name")) : no_slot);
    } else if (kind == "loss_output") {
      graph_.outputs.push_back(names_.require(spec.at("arg").at("name")));
    } else if (kind.ends_with("_mutation")) {
      refuse(where_ + ": the graph was made functional, and so changes no buffer itself; export the model with " +
             "torch.export.export(), and do not decompose it");
    }
  }
  if (graph_.outputs.size() != signature_.outputs.size())
    refuse(where_ + ": the graph has " + std::to_string(graph_.outputs.size()) + " outputs, but its signature " +
           std::to_string(signature_.outputs.size()) + damaged);
}

void GraphReader::read_nodes(const ProgramJson& graph, Names& names) {
  const auto nodes = graph.at("nodes");
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto node = nodes.at(i);
    const std::string target(node.at("target").text());
    if (is_check(target)) continue;
    read_node(node, target, names);
  }
}

}  // namespace trainer::exported
