// SPDX-License-Identifier: Apache-2.0
//
// A `.pt2` file as torch.export.save writes one, made by hand:
//
//     features [rows, 3] -> linear [4] -> layer_norm -> dropout 0.5 -> + 0 * arange(rows)[:, None] + shift -> logits
//     loss = cross_entropy(logits, labels); calls += 1
//
// The number of rows is taken from the labels. Tests change a part of it, and write it.
#pragma once

#include <ATen/ATen.h>
#include <caffe2/serialize/inline_container.h>

#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>

#include "trainer/json.hpp"

namespace trainer::test {

class ModelFile {
 public:
  json::object program, weights_config, constants_config;
  json::value evaluation, meta;                ///< written when they are not null
  std::map<std::string, std::string> entries;  ///< others, by name
  std::map<std::string, at::Tensor> tensors;   ///< by entry

  ModelFile() {
    entries = {{"archive_format", "pt2"}, {"archive_version", "0"}, {"byteorder", "little"}};
    const auto ramp = [](at::IntArrayRef sizes) {
      return at::sin(at::arange(c10::multiply_integers(sizes), at::kFloat) + 1).reshape(sizes);
    };
    add_weight("body.0.weight", ramp({4, 3}), true);
    add_weight("body.0.bias", ramp({4}) / 2, true);
    add_weight("norm.weight", ramp({4}) + 1, true);
    add_weight("norm.bias", ramp({4}) / 3, true, /*requires_grad=*/false);
    add_weight("calls", at::zeros({}, at::kLong), false);
    add_tensor(constants_config, "data/constants/tensor_0", "shift", ramp({4}) / 4, false, false);
    make_program();
  }

  void write(const std::filesystem::path& path) const {
    caffe2::serialize::PyTorchStreamWriter out(path.string());
    const auto text = [&](const std::string& name, const std::string& bytes) {
      out.writeRecord(name, bytes.data(), bytes.size());
    };
    for (const auto& [name, tensor] : tensors) out.writeRecord(name, tensor.const_data_ptr(), tensor.nbytes());
    text("data/weights/model_weights_config.json", json::dump(json::object{{"config", weights_config}}));
    text("data/constants/model_constants_config.json", json::dump(json::object{{"config", constants_config}}));
    if (!program.empty()) text("models/model.json", json::dump(program));
    if (!evaluation.is_null()) text("extra/libtrainer/eval.json", json::dump(evaluation));
    if (!meta.is_null()) text("extra/libtrainer/meta.json", json::dump(meta));
    for (const auto& [name, bytes] : entries) text(name, bytes);
    out.writeEndOfFile();
  }

  json::object& graph_module() { return program.at("graph_module").as_object(); }
  json::array& nodes() { return graph_module().at("graph").as_object().at("nodes").as_array(); }
  json::object& node(std::string_view name) {
    for (auto& node : nodes())
      if (node.at("name").as_string() == name) return node.as_object();
    throw std::runtime_error("no such node");
  }
  /// The argument of a node, {"as_...": ...}.
  json::value& argument(std::string_view of, std::string_view name) {
    for (auto& input : node(of).at("inputs").as_array())
      if (input.at("name").as_string() == name) return input.at("arg");
    throw std::runtime_error("no such argument");
  }

  void add_weight(const std::string& name, const at::Tensor& tensor, bool is_parameter, bool requires_grad = true) {
    const std::string entry = "data/weights/weight_" + std::to_string(weights_config.size());
    add_tensor(weights_config, entry, name, tensor, is_parameter, is_parameter && requires_grad);
  }

  static json::object tensor(const std::string& name) { return {{"as_tensor", json::object{{"name", name}}}}; }
  static json::object sym_int(const std::string& name) { return {{"as_sym_int", json::object{{"as_name", name}}}}; }
  /// inputs: name and argument of each.
  static json::object make_node(const std::string& name, const std::string& target,
                                const std::vector<std::pair<std::string, json::value>>& inputs, json::array outputs) {
    json::array list;
    for (const auto& [key, arg] : inputs) list.push_back(json::object{{"name", key}, {"arg", arg}, {"kind", 1}});
    const json::object metadata{{"nn_module_stack", "L__self__,,model.Net;L__self___body_0,body.0,torch.nn.Linear"}};
    return {
        {"target", target}, {"inputs", list}, {"outputs", std::move(outputs)}, {"metadata", metadata}, {"name", name}};
  }

 private:
  static json::array sizes_of(at::IntArrayRef sizes) {
    json::array out;
    for (const auto size : sizes) out.push_back(json::object{{"as_int", size}});
    return out;
  }
  static json::object meta_of(const at::Tensor& tensor, bool requires_grad) {
    return {{"dtype", tensor.scalar_type() == at::kLong ? 5 : 7},
            {"sizes", sizes_of(tensor.sizes())},
            {"requires_grad", requires_grad},
            {"device", json::object{{"type", "cpu"}, {"index", nullptr}}},
            {"strides", sizes_of(tensor.strides())},
            {"storage_offset", json::object{{"as_int", 0}}},
            {"layout", 7}};
  }
  void add_tensor(json::object& config, const std::string& entry, const std::string& name, const at::Tensor& tensor,
                  bool is_parameter, bool requires_grad) {
    config[name] = json::object{{"path_name", entry.substr(entry.rfind('/') + 1)},
                                {"is_param", is_parameter},
                                {"use_pickle", false},
                                {"tensor_meta", meta_of(tensor, requires_grad)}};
    tensors[entry] = tensor.contiguous();
  }

  static json::object input_meta(int dtype, json::array sizes) {
    const json::object rows{{"as_expr", json::object{{"expr_str", "Symbol('s0', positive=True, integer=True)"}}}};
    sizes.insert(sizes.begin(), rows);
    return {{"dtype", dtype}, {"sizes", sizes}};
  }

  void make_program() {
    const auto name = [](const char* text) { return json::object{{"name", text}}; };
    const auto parameter = [&](const char* value, const char* of) -> json::value {
      return json::object{{"parameter", json::object{{"arg", name(value)}, {"parameter_name", of}}}};
    };
    const auto user = [&](const char* value) -> json::value {
      return json::object{{"user_input", json::object{{"arg", tensor(value)}}}};
    };
    const auto output = [&](const char* value) -> json::value {
      return json::object{{"user_output", json::object{{"arg", tensor(value)}}}};
    };
    const json::array inputs{
        parameter("p_weight", "body.0.weight"),
        parameter("p_bias", "body.0.bias"),
        parameter("p_gamma", "norm.weight"),
        parameter("p_beta", "norm.bias"),
        json::object{
            {"buffer", json::object{{"arg", name("b_calls")}, {"buffer_name", "calls"}, {"persistent", true}}}},
        json::object{{"tensor_constant", json::object{{"arg", name("c_shift")}, {"tensor_constant_name", "shift"}}}},
        user("features"),
        user("labels")};
    const json::array nodes{
        make_node("rows", "torch.ops.aten.sym_size.int",
                  {{"self", tensor("labels")}, {"dim", json::object{{"as_int", 0}}}}, {sym_int("rows")}),
        make_node("linear", "torch.ops.aten.linear.default",
                  {{"input", tensor("features")}, {"weight", tensor("p_weight")}, {"bias", tensor("p_bias")}},
                  {tensor("linear")}),
        make_node("layer_norm", "torch.ops.aten.layer_norm.default",
                  {{"input", tensor("linear")},
                   {"normalized_shape", json::object{{"as_ints", json::array{4}}}},
                   {"weight", tensor("p_gamma")},
                   {"bias", tensor("p_beta")}},
                  {tensor("layer_norm")}),
        make_node("dropout", "torch.ops.aten.dropout.default",
                  {{"input", tensor("layer_norm")},
                   {"p", json::object{{"as_float", 0.5}}},
                   {"train", json::object{{"as_bool", true}}}},
                  {tensor("dropout")}),
        make_node("add_", "torch.ops.aten.add_.Tensor",
                  {{"self", tensor("b_calls")}, {"other", json::object{{"as_int", 1}}}}, {tensor("add_")}),
        make_node("arange", "torch.ops.aten.arange.default",
                  {{"end", sym_int("rows")},
                   {"dtype", json::object{{"as_scalar_type", 7}}},
                   {"device", json::object{{"as_device", json::object{{"type", "cpu"}, {"index", nullptr}}}}},
                   {"pin_memory", json::object{{"as_bool", false}}}},
                  {tensor("arange")}),
        make_node("mul", "torch.ops.aten.mul.Tensor",
                  {{"self", tensor("arange")}, {"other", json::object{{"as_float", 0.0}}}}, {tensor("mul")}),
        make_node("view", "torch.ops.aten.view.default",
                  {{"self", tensor("mul")},
                   {"size", json::object{{"as_sym_ints", json::array{json::object{{"as_name", "rows"}},
                                                                     json::object{{"as_int", 1}}}}}}},
                  {tensor("view")}),
        make_node("add", "torch.ops.aten.add.Tensor", {{"self", tensor("dropout")}, {"other", tensor("view")}},
                  {tensor("add")}),
        make_node("add_1", "torch.ops.aten.add.Tensor", {{"self", tensor("add")}, {"other", tensor("c_shift")}},
                  {tensor("add_1")}),
        make_node("loss", "torch.ops.aten.cross_entropy_loss.default",
                  {{"self", tensor("add_1")}, {"target", tensor("labels")}}, {tensor("loss")})};
    const json::object signature{
        {"in_spec",
         R"([1, {"type": "builtins.tuple", "context": "null", "children_spec": [{"type": "builtins.tuple", "context": "null", "children_spec": []}, {"type": "builtins.dict", "context": "[\"features\", \"labels\"]", "children_spec": [{"type": null, "context": null, "children_spec": []}, {"type": null, "context": null, "children_spec": []}]}]}])"},
        {"out_spec",
         R"([1, {"type": "builtins.dict", "context": "[\"loss\", \"logits\"]", "children_spec": [{"type": null, "context": null, "children_spec": []}, {"type": null, "context": null, "children_spec": []}]}])"},
        {"forward_arg_names", json::array{"features", "labels"}}};
    const json::object graph{{"nodes", nodes},
                             {"tensor_values", json::object{{"features", input_meta(7, {json::object{{"as_int", 3}}})},
                                                            {"labels", input_meta(5, {})}}}};
    program = {
        {"graph_module",
         json::object{{"graph", graph},
                      {"signature", json::object{{"input_specs", inputs},
                                                 {"output_specs", json::array{output("loss"), output("add_1")}}}},
                      {"module_call_graph", json::array{json::object{{"fqn", ""}, {"signature", signature}}}}}},
        {"schema_version", json::object{{"major", 8}, {"minor", 20}}},
        {"range_constraints", json::object{{"s0", json::object{{"min_val", 1}, {"max_val", 64}}}}},
        {"torch_version", "2.13.0"}};
  }
};

}  // namespace trainer::test
