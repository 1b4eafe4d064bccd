// SPDX-License-Identifier: Apache-2.0
//
// Reading of safetensors files.
#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "formats/mapped_file.hpp"
#include "formats/safetensors_types.hpp"
#include "trainer/error.hpp"
#include "trainer/safetensors.hpp"

namespace trainer {
namespace {

at::Tensor view_of(const std::shared_ptr<MappedFile>& file, const safetensors::Entry& entry, const std::string& where) {
  const at::ScalarType type = safetensors::scalar_types[entry.type];
  char* data = file->data() + entry.begin;
  const std::uint64_t bytes = entry.end - entry.begin;
  if (type == at::kBool && std::any_of(data, data + bytes, [](unsigned char b) { return b > 1; })) {
    throw_run(error_id::checkpoint_damaged,
              where + ": tensor '" + entry.name + "': found a byte above 1, expected booleans" + safetensors::damaged);
  }
  const auto alignment = safetensors::types[entry.type].bytes;
  if (bytes > 0 && reinterpret_cast<std::uintptr_t>(data) % alignment == 0)
    return at::from_blob(data, entry.shape, [file](void*) {}, at::TensorOptions(type));
  // Nothing, or at a place where an element must not lie: other programs pad less.
  at::Tensor tensor = at::empty(entry.shape, at::TensorOptions(type));
  if (bytes > 0) std::memcpy(tensor.mutable_data_ptr(), data, bytes);
  return tensor;
}

}  // namespace

NamedTensors map_safetensors(const std::filesystem::path& path) {
  const auto file = std::make_shared<MappedFile>(path);
  NamedTensors tensors;
  for (const safetensors::Entry& entry : safetensors::read_header(file->bytes(), path.string()))
    tensors.emplace_back(entry.name, view_of(file, entry, path.string()));
  return tensors;
}

NamedTensors load_safetensors(const std::filesystem::path& path) {
  NamedTensors tensors = map_safetensors(path);
  for (auto& [name, tensor] : tensors) tensor = tensor.clone();
  return tensors;
}

}  // namespace trainer
