// SPDX-License-Identifier: Apache-2.0
#include "run/run_parts.hpp"

namespace trainer {
namespace {

// A model of PyTorch.
RunFile::Model read_exported(const RunSection& model, const std::filesystem::path& base) {
  model.allow({"type", "file", "inputs", "outputs"});
  RunFile::Model out;
  out.type = "pt2";
  out.file = absolute_to(base, RunSection::text_of(model.require("file", "the .pt2 file"), model.place("file")));
  if (const auto* inputs = model.find("inputs")) {
    if (!inputs->is_object()) RunSection::wrong_type(*inputs, model.place("inputs"), "an object of inputs and columns");
    for (const auto& input : inputs->get_object())
      out.inputs.emplace(input.key(), RunSection::text_of(input.value(), model.place("inputs")));
  }
  out.outputs = model.texts("outputs", "a list of names");
  return out;
}

std::int64_t read_width(const json::value& width, const std::string& place) {
  if (!width.is_int64() || width.get_int64() < 1 || width.get_int64() > 1 << 24)
    RunSection::wrong_type(width, place, "widths from 1 to 16777216");
  return width.get_int64();
}

// The outputs may follow from the data.
RunFile::Model read_linear(const RunSection& model) {
  model.allow({"type", "in_features", "out_features"});
  RunFile::Model out;
  out.type = "linear";
  const auto* outputs = model.find("out_features");
  out.layers = {read_width(model.require("in_features", "the number of features"), model.place("in_features")),
                outputs ? read_width(*outputs, model.place("out_features")) : 0};
  return out;
}

}  // namespace

RunFile::Model read_run_model(const RunSection& model, const std::filesystem::path& base) {
  const std::string type = model.choice("type", "mlp", {"mlp", "linear", "pt2"});
  if (type == "pt2") return read_exported(model, base);
  if (type == "linear") return read_linear(model);
  model.allow({"type", "layers", "activation"});
  RunFile::Model out;
  out.type = "mlp";
  out.activation = model.choice("activation", "relu", {"relu", "tanh", "sigmoid", "gelu"});
  const auto& layers = model.require("layers", "the widths, such as [64, 64, 10]");
  if (!layers.is_array() || layers.get_array().size() < 2)
    RunSection::wrong_type(layers, model.place("layers"), "a list of at least two widths");
  for (const auto& width : layers.get_array()) out.layers.push_back(read_width(width, model.place("layers")));
  return out;
}

}  // namespace trainer
