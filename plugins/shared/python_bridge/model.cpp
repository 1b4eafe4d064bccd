// SPDX-License-Identifier: Apache-2.0
//
// Lists the model's tensors for Python, and copies them into shared memory.
#include "shared/python_bridge/model.hpp"

#include <trainer/ext/parameters.h>

#include <stdexcept>
#include <unordered_set>
#include <vector>

#include "shared/python_bridge/json_text.hpp"

namespace trainer::plugins {
namespace {

struct Tensor {
  std::string name;
  trainer_tensor view{};
  std::uint64_t index = 0;
  std::size_t offset = 0;
};

constexpr std::size_t alignment = 64;

std::string type_name(const trainer_tensor& tensor) {
  const char* kind = tensor.dtype_code == 0   ? "int"
                     : tensor.dtype_code == 1 ? "uint"
                     : tensor.dtype_code == 4 ? "bfloat"
                                              : "float";
  return tensor.dtype_code == 6 ? "bool" : kind + std::to_string(tensor.dtype_bits);
}

std::size_t elements(const trainer_tensor& tensor) {
  std::size_t count = 1;
  for (int i = 0; i < tensor.ndim; ++i) count *= static_cast<std::size_t>(tensor.shape[i]);
  return count;
}

void append_shape(std::string& out, const trainer_tensor& tensor) {
  out += '[';
  for (int i = 0; i < tensor.ndim; ++i) {
    if (i > 0) out += ',';
    out += std::to_string(tensor.shape[i]);
  }
  out += ']';
}

std::size_t width(const trainer_tensor& tensor) { return tensor.dtype_bits / 8; }

std::vector<Tensor> chosen(const sdk::Host& host, const trainer_ext_parameters& parameters, std::uint32_t kind,
                           const boost::json::object& request) {
  std::unordered_set<std::string_view> names;
  const auto* list = request.at("names").if_array();
  if (list != nullptr)
    for (const auto& name : *list) names.insert(name.get_string());
  std::vector<Tensor> found;
  const std::uint64_t count = parameters.count(host.raw(), kind);
  for (std::uint64_t i = 0; i < count; ++i) {
    trainer_text name{};
    Tensor tensor;
    tensor.view.struct_size = sizeof tensor.view;
    if (parameters.at(host.raw(), kind, i, &name, &tensor.view) != TRAINER_OK) break;
    tensor.name = sdk::view(name);
    if (list != nullptr && names.count(tensor.name) == 0) continue;
    tensor.index = i;
    found.push_back(std::move(tensor));
  }
  if (list != nullptr && found.size() != names.size())
    throw std::runtime_error("the trainer has not every tensor of that name at this moment");
  return found;
}

std::string answer(const sdk::Host& host, const boost::json::object& request, std::unique_ptr<SharedMemory>& memory) {
  const auto* parameters = host.extension<trainer_ext_parameters>(TRAINER_EXT_PARAMETERS);
  if (parameters == nullptr) throw std::runtime_error("this run has no model to look at");
  const auto kind = request.at("fetch").to_number<std::uint32_t>();
  std::vector<Tensor> tensors = chosen(host, *parameters, kind, request);
  std::size_t size = 0;
  for (Tensor& tensor : tensors) {
    tensor.offset = size;
    size += (elements(tensor.view) * width(tensor.view) + alignment - 1) / alignment * alignment;
  }
  // The views stay valid until the event ends, so they may be copied in a second pass.
  if (size > 0) memory = std::make_unique<SharedMemory>(size);
  std::string out = "{\"size\":" + std::to_string(size);
  if (size > 0) out += ",\"shm\":\"" + memory->name() + "\"";
  out += ",\"tensors\":[";
  for (const Tensor& tensor : tensors) {
    const std::size_t bytes = elements(tensor.view) * width(tensor.view);
    if (bytes > 0 &&
        parameters->copy(host.raw(), kind, tensor.index, memory->data() + tensor.offset, bytes) != TRAINER_OK)
      throw std::runtime_error("the host could not copy \"" + tensor.name + "\"");
    if (out.back() != '[') out += ',';
    out += '[';
    append_json(out, std::string_view(tensor.name));
    out += ',';
    append_shape(out, tensor.view);
    out += ",\"" + type_name(tensor.view) + "\"," + std::to_string(tensor.offset) + "]";
  }
  return out + "]}";
}

}  // namespace

bool append_shapes(std::string& out, const sdk::Host& host) {
  const auto* parameters = host.extension<trainer_ext_parameters>(TRAINER_EXT_PARAMETERS);
  if (parameters == nullptr || parameters->count(host.raw(), TRAINER_OF_MODEL) == 0) return false;
  out += '[';
  for (std::uint64_t i = 0;; ++i) {
    trainer_text name{};
    trainer_tensor tensor{};
    tensor.struct_size = sizeof tensor;
    if (parameters->at(host.raw(), TRAINER_OF_MODEL, i, &name, &tensor) != TRAINER_OK) break;
    if (i > 0) out += ',';
    out += '[';
    append_json(out, sdk::view(name));
    out += ',';
    append_shape(out, tensor);
    out += ",\"" + type_name(tensor) + "\"]";
  }
  out += ']';
  return true;
}

std::string copy_tensors(const sdk::Host& host, const boost::json::object& request,
                         std::unique_ptr<SharedMemory>& memory) {
  std::string text = "{\"tensors\":";
  try {
    text += answer(host, request, memory);
  } catch (const std::exception& e) {
    text += "{\"error\":";
    append_json(text, std::string_view(e.what()));
    text += '}';
  }
  return text + "}";
}

}  // namespace trainer::plugins
