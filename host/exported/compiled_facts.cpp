// SPDX-License-Identifier: Apache-2.0
#include "exported/compiled_facts.hpp"

#include <algorithm>
#include <utility>

#include "exported/facts.hpp"
#include "exported/program_json.hpp"
#include "trainer/error.hpp"

namespace trainer::exported {
namespace {

at::ScalarType type_of(const ProgramJson& name) {
  static const std::pair<std::string_view, at::ScalarType> types[] = {
      {"float32", at::kFloat}, {"float64", at::kDouble}, {"float16", at::kHalf}, {"bfloat16", at::kBFloat16},
      {"int64", at::kLong},    {"int32", at::kInt},      {"int16", at::kShort},  {"int8", at::kChar},
      {"uint8", at::kByte},    {"bool", at::kBool}};
  const auto* found =
      std::find_if(std::begin(types), std::end(types), [&](const auto& type) { return type.first == name.text(); });
  if (found == std::end(types)) name.wrong("a type such as \"float32\"");
  return found->second;
}

std::vector<std::int64_t> integers(const ProgramJson& list) {
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < list.size(); ++i) out.push_back(list.at(i).integer());
  return out;
}

std::vector<CompiledTensor> tensors(const ProgramJson& list) {
  std::vector<CompiledTensor> out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto tensor = list.at(i);
    const auto requires_grad = tensor.find("requires_grad");
    out.push_back({std::string(tensor.at("name").text()), type_of(tensor.at("type")), integers(tensor.at("sizes")),
                   integers(tensor.at("strides")), !requires_grad || requires_grad->boolean()});
  }
  return out;
}

}  // namespace

CompiledFacts read_compiled_facts(const Archive& archive) {
  const auto missing = [&] {
    throw_usage(error_id::compiled_step_missing,
                archive.file() +
                    " has no compiled step; export it with compiled_step={\"batch_size\": ...}, or leave out "
                    "\"compiled\"");
  };
  if (!archive.has(meta_entry)) missing();
  const json::value meta = archive.json(meta_entry);
  const std::string where = archive.file() + ": " + meta_entry;
  const auto found = ProgramJson(meta, where).find("compiled");
  if (!found) missing();
  const ProgramJson& root = *found;
  if (const auto format = root.at("format").integer(); format != 1)
    throw_usage(error_id::compiled_step_invalid,
                archive.file() + ": the compiled step has the format " + std::to_string(format) +
                    ", expected 1; export the model with the libtrainer package of this version");
  CompiledFacts out;
  out.torch = root.at("torch").text();
  out.machine = root.at("machine").text();
  out.target = root.at("target").text();
  out.features = root.texts("features");
  out.batch_size = root.at("batch_size").integer();
  if (const std::string optim(root.at("optim").text()); optim != "adamw")
    throw_usage(error_id::compiled_step_invalid, archive.file() + ": the compiled step has the optimizer \"" + optim +
                                                     "\", expected \"adamw\"; export the model again, with its "
                                                     "compiled_step");
  if (const auto norm = root.find("max_grad_norm")) out.max_grad_norm = norm->number();
  out.parameters = tensors(root.at("parameters"));
  out.state = tensors(root.at("state"));
  out.inputs = tensors(root.at("inputs"));
  for (const char* name : {"update", "gradients"}) out.code.emplace(name, root.at("code").at(name).text());
  return out;
}

}  // namespace trainer::exported
