// SPDX-License-Identifier: Apache-2.0
//
// Reading of safetensors files.
#include <ATen/ATen.h>

#include <algorithm>

#include "formats/booleans.hpp"
#include "formats/safetensors_file.hpp"
#include "trainer/error.hpp"
#include "trainer/safetensors.hpp"

namespace trainer {
namespace {

std::vector<safetensors::Entry> read_entries(const FileReader& file) {
  const std::string first = file.read(0, std::min<std::uint64_t>(8, file.size()));
  const std::uint64_t end = safetensors::header_end(first, file.size(), file.name(), file.role());
  return safetensors::read_header(file.read(0, end), file.size(), file.name(), file.role());
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path, const FileRole& role)
    : file_(path, role), entries_(read_entries(file_)) {}

void SafetensorsFile::read(const safetensors::Entry& entry, at::Tensor& to) const {
  const at::ScalarType type = safetensors::scalar_types[entry.type];
  if (to.scalar_type() != type || !to.is_cpu() || !to.is_contiguous()) {
    to.copy_(read(entry));
    return;
  }
  read_bytes(entry, entry.begin, to);
}

void SafetensorsFile::read_bytes(const safetensors::Entry& entry, std::uint64_t begin, at::Tensor& to) const {
  const std::uint64_t bytes = to.nbytes();
  if (bytes == 0) return;
  auto* data = static_cast<unsigned char*>(to.mutable_data_ptr());
  file_.read(begin, data, bytes);
  if (has_bytes_above_1(to)) {
    std::fill(data, data + bytes, std::uint8_t{0});
    file_.role().fail(name() + ": tensor '" + entry.name + "': found a byte above 1, expected booleans");
  }
}

void SafetensorsFile::read_rows(const safetensors::Entry& entry, std::int64_t first, at::Tensor& to) const {
  const std::uint64_t row = (entry.end - entry.begin) / static_cast<std::uint64_t>(entry.shape[0]);
  read_bytes(entry, entry.begin + row * static_cast<std::uint64_t>(first), to);
}

at::Tensor SafetensorsFile::read(const safetensors::Entry& entry) const {
  at::Tensor tensor = at::empty(entry.shape, at::TensorOptions(safetensors::scalar_types[entry.type]));
  read(entry, tensor);
  return tensor;
}

NamedTensors load_safetensors(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  NamedTensors tensors;
  for (const auto& entry : file.entries()) tensors.emplace_back(entry.name, file.read(entry));
  return tensors;
}

}  // namespace trainer
