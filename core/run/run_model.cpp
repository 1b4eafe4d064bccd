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

}  // namespace

RunFile::Model read_run_model(const RunSection& model, const std::filesystem::path& base) {
  if (model.choice("type", "mlp", {"mlp", "pt2"}) == "pt2") return read_exported(model, base);
  model.allow({"type", "layers", "activation"});
  RunFile::Model out;
  out.type = "mlp";
  out.activation = model.choice("activation", "relu", {"relu", "tanh", "sigmoid", "gelu"});
  const auto& layers = model.require("layers", "the widths, such as [64, 64, 10]");
  if (!layers.is_array() || layers.get_array().size() < 2)
    RunSection::wrong_type(layers, model.place("layers"), "a list of at least two widths");
  for (const auto& width : layers.get_array()) {
    if (!width.is_int64() || width.get_int64() < 1 || width.get_int64() > 1 << 24)
      RunSection::wrong_type(width, model.place("layers"), "widths from 1 to 16777216");
    out.layers.push_back(width.get_int64());
  }
  return out;
}

}  // namespace trainer
