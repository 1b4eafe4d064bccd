// SPDX-License-Identifier: Apache-2.0
//
// Lists the model's tensors for Python, and copies them into shared memory.
#include "shared/python_bridge/model.hpp"

#include <trainer/ext/objects.h>
#include <trainer/ext/parameters.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "shared/python_bridge/json_text.hpp"

namespace trainer::plugins {
namespace {

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

void append_device(std::string& out, const sdk::Host& host) {
  const auto* parameters = host.extension<trainer_ext_parameters>(TRAINER_EXT_PARAMETERS);
  trainer_text name{};
  trainer_tensor tensor{};
  tensor.struct_size = sizeof tensor;
  if (parameters != nullptr) parameters->at(host.raw(), TRAINER_OF_MODEL, 0, &name, &tensor);
  append_json(out, std::string_view(tensor.device_type == 2 ? "cuda:" + std::to_string(tensor.device_id) : "cpu"));
}

void append_present(std::string& out, const sdk::Host& host) {
  const auto* objects = host.extension<trainer_ext_objects>(TRAINER_EXT_OBJECTS);
  out += std::to_string(objects == nullptr ? 0 : objects->present(host.raw()));
}

std::vector<LentTensors::Tensor> LentTensors::chosen(std::uint32_t kind, const boost::json::object& request) const {
  const auto* parameters = host_.extension<trainer_ext_parameters>(TRAINER_EXT_PARAMETERS);
  if (parameters == nullptr) throw std::runtime_error("this run has no model to look at");
  std::unordered_set<std::string_view> names;
  const auto* list = request.at("names").if_array();
  if (list != nullptr)
    for (const auto& name : *list) names.insert(name.get_string());
  std::vector<Tensor> found;
  std::size_t offset = 0;
  const std::uint64_t count = parameters->count(host_.raw(), kind);
  for (std::uint64_t i = 0; i < count; ++i) {
    trainer_text name{};
    Tensor tensor;
    tensor.view.struct_size = sizeof tensor.view;
    if (parameters->at(host_.raw(), kind, i, &name, &tensor.view) != TRAINER_OK) break;
    tensor.name = sdk::view(name);
    if (list != nullptr && names.count(tensor.name) == 0) continue;
    tensor.index = i;
    tensor.offset = offset;
    tensor.size = elements(tensor.view) * width(tensor.view);
    offset += (tensor.size + alignment - 1) / alignment * alignment;
    found.push_back(std::move(tensor));
  }
  if (list != nullptr && found.size() != names.size())
    throw std::runtime_error("the trainer has not every tensor of that name at this moment");
  return found;
}

void LentTensors::copy(std::uint32_t kind, const Tensor& tensor, char* to) const {
  const auto* parameters = host_.extension<trainer_ext_parameters>(TRAINER_EXT_PARAMETERS);
  if (tensor.size > 0 && parameters->copy(host_.raw(), kind, tensor.index, to, tensor.size) != TRAINER_OK)
    throw std::runtime_error("the host could not copy \"" + tensor.name + "\"");
}

std::string LentTensors::describe(const boost::json::object& request) {
  if (request.at("fetch").is_string()) {
    const auto* objects = host_.extension<trainer_ext_objects>(TRAINER_EXT_OBJECTS);
    if (objects == nullptr) throw std::runtime_error("this trainer does not describe its optimizer and loaders");
    trainer_text json{};
    objects->describe(host_.raw(), &json);
    return std::string(sdk::view(json));
  }
  const auto kind = request.at("fetch").to_number<std::uint32_t>();
  std::vector<Tensor> tensors = chosen(kind, request);  // the views stay valid until the event ends
  const std::size_t size = tensors.empty() ? 0 : tensors.back().offset + tensors.back().size;
  Loan loan{kind, std::move(tensors), size > 0 ? std::make_unique<child::SharedMemory>(size) : nullptr};
  std::string out = "{\"size\":" + std::to_string(size);
  if (size > 0) out += ",\"shm\":\"" + loan.memory->name() + "\"";
  out += ",\"tensors\":[";
  for (const Tensor& tensor : loan.tensors) {
    if (tensor.size > 0) copy(kind, tensor, loan.memory->data() + tensor.offset);
    if (out.back() != '[') out += ',';
    out += '[';
    append_json(out, std::string_view(tensor.name));
    out += ',';
    append_shape(out, tensor.view);
    out += ",\"" + type_name(tensor.view) + "\"," + std::to_string(tensor.offset) + "]";
  }
  loans_.push_back(std::move(loan));
  return out + "]}";
}

std::string LentTensors::answer(const boost::json::object& request) {
  std::string text = "{\"fetched\":";
  try {
    text += describe(request);
  } catch (const std::exception& e) {
    text += "{\"error\":";
    append_json(text, std::string_view(e.what()));
    text += '}';
  }
  return text + "}";
}

std::string LentTensors::take_back() {
  const std::vector<Loan> loans = std::exchange(loans_, {});
  std::vector<char> now;
  for (const Loan& loan : loans)
    for (const Tensor& tensor : loan.tensors) {
      if (tensor.size == 0) continue;
      now.resize(tensor.size);
      copy(loan.kind, tensor, now.data());
      if (std::memcmp(now.data(), loan.memory->data() + tensor.offset, tensor.size) != 0) return tensor.name;
    }
  return {};
}

}  // namespace trainer::plugins
