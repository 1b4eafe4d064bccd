// SPDX-License-Identifier: Apache-2.0
#include "trainer/safetensors_dataset.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "data/failure.hpp"
#include "formats/safetensors_file.hpp"
#include "trainer/error.hpp"

namespace trainer {
SafetensorsDataset::SafetensorsDataset(const std::filesystem::path& path, const std::vector<std::string>& columns,
                                       std::uint64_t in_memory)
    : file_(std::make_unique<SafetensorsFile>(path)) {
  const auto& entries = file_->entries();
  std::vector<std::string> names = columns;
  if (names.empty())
    for (const auto& entry : entries) names.push_back(entry.name);
  std::vector<char> used(entries.size());
  std::uint64_t bytes = 0;
  for (const auto& name : names)
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].name != name || std::exchange(used[i], 1)) continue;
      entries_.push_back(i);
      bytes += entries[i].end - entries[i].begin;
    }
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (!used[i]) left_out_.push_back(entries[i].name);
  for (std::size_t k = 0; k < entries_.size(); ++k) {
    const auto& entry = entries[entries_[k]];
    const auto rows = entry.shape.empty() ? 0 : entry.shape[0];
    if (k == 0) rows_ = rows;
    if (entry.shape.empty() || rows != rows_)
      throw_usage(error_id::data_invalid, file_->name() + ": the column \"" + entry.name + "\" is " +
                                              shape_text(entry.shape) + ", but \"" + entries[entries_[0]].name +
                                              "\" has " + std::to_string(rows_) +
                                              " rows; give columns with the rows first, as many of them in each");
  }
  if (entries_.empty() || rows_ == 0)
    throw_usage(error_id::data_invalid, file_->name() + " has no rows" + (entries_.empty() ? " for this model" : "") +
                                            "; training and evaluation need at least one");
  if (bytes > in_memory) return;
  Batch all;
  for (const auto i : entries_) all.set(entries[i].name, file_->read(entries[i]));
  memory_ = std::make_unique<TensorDataset>(std::move(all));
}

SafetensorsDataset::~SafetensorsDataset() = default;

std::vector<std::string> SafetensorsDataset::columns() const {
  std::vector<std::string> out;
  for (const auto i : entries_) out.push_back(file_->entries()[i].name);
  return out;
}

Batch SafetensorsDataset::get_batch(const at::Tensor& indices) const {
  if (memory_) return memory_->get_batch(indices);
  const auto* rows = indices.const_data_ptr<std::int64_t>();
  const auto count = indices.numel();
  Batch out;
  for (const auto i : entries_) {
    const auto& entry = file_->entries()[i];
    auto shape = entry.shape;
    shape[0] = count;
    at::Tensor column = file_->make(entry, shape);
    // Rows that follow one another are read at once.
    for (std::int64_t at = 0, next = 0; at < count; at = next) {
      for (next = at + 1; next < count && rows[next] == rows[next - 1] + 1;) ++next;
      at::Tensor part = column.slice(0, at, next);
      file_->read_rows(entry, rows[at], part);
    }
    out.set(entry.name, std::move(column));
  }
  return out;
}

}  // namespace trainer
