// SPDX-License-Identifier: Apache-2.0
#include "trainer/safetensors_dataset.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "data/failure.hpp"
#include "data/lengths.hpp"
#include "formats/safetensors_file.hpp"
#include "trainer/data_collator.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

constexpr std::string_view offsets_suffix = ".offsets";

[[noreturn]] void refuse_column(const SafetensorsFile& file, const std::string& name, const std::string& what) {
  throw_usage(error_id::data_invalid, file.name() + ": the column \"" + name + "\" " + what);
}

}  // namespace

SafetensorsDataset::SafetensorsDataset(const std::filesystem::path& path, const std::vector<std::string>& columns,
                                       std::uint64_t in_memory)
    : file_(std::make_unique<SafetensorsFile>(path)) {
  const auto& entries = file_->entries();
  std::vector<char> used(entries.size());
  std::vector<std::string> names;  // all columns
  for (const auto& entry : entries) {
    const std::string_view name = entry.name;
    const bool offsets = name.size() > offsets_suffix.size() && name.ends_with(offsets_suffix);
    if (!offsets || find(entry.name.substr(0, name.size() - offsets_suffix.size())) == none)
      names.push_back(entry.name);
  }
  std::uint64_t bytes = 0;
  for (const auto& name : columns.empty() ? names : columns) {
    if (std::find(names.begin(), names.end(), name) == names.end()) continue;
    const std::size_t entry = find(name);
    if (std::exchange(used[entry], 1)) continue;
    columns_.push_back(open(entry));
    bytes += entries[entry].end - entries[entry].begin;
  }
  for (const auto& name : names)
    if (!used[find(name)]) left_out_.push_back(name);
  if (!columns_.empty()) rows_ = columns_[0].rows;
  for (const auto& column : columns_)
    if (column.rows != rows_)
      refuse_column(*file_, entries[column.entry].name,
                    (column.offsets.defined() ? "has " + std::to_string(column.rows) + " rows"
                                              : "is " + shape_text(entries[column.entry].shape)) +
                        ", but \"" + entries[columns_[0].entry].name + "\" has " + std::to_string(rows_) +
                        " rows; give columns with the rows first, as many of them in each");
  if (rows_ == 0)
    throw_usage(error_id::data_invalid, file_->name() + " has no rows" + (columns_.empty() ? " for this model" : "") +
                                            "; training and evaluation need at least one");
  if (bytes > in_memory) return;
  for (auto& column : columns_) column.values = file_->read(entries[column.entry]);
}

SafetensorsDataset::~SafetensorsDataset() = default;

std::size_t SafetensorsDataset::find(const std::string& name) const {
  const auto& entries = file_->entries();
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.name == name; });
  return found == entries.end() ? none : static_cast<std::size_t>(found - entries.begin());
}

SafetensorsDataset::Column SafetensorsDataset::open(std::size_t entry) const {
  const auto& [name, shape] = std::tie(file_->entries()[entry].name, file_->entries()[entry].shape);
  if (shape.empty()) refuse_column(*file_, name, "is [], a single number; give columns with the rows first");
  Column column{.entry = entry, .rows = shape[0]};
  if (const std::size_t offsets = find(name + std::string(offsets_suffix)); offsets != none) {
    column.offsets = read_offsets(offsets, entry);
    column.rows = column.offsets.numel() - 1;
  }
  return column;
}

at::Tensor SafetensorsDataset::read_offsets(std::size_t offsets, std::size_t values) const {
  const auto& entry = file_->entries()[offsets];
  const auto refuse = [&](const std::string& found, const std::string& expected) {
    refuse_column(*file_, entry.name,
                  found + ", expected " + expected + "; write where the rows of \"" + file_->entries()[values].name +
                      "\" begin, and at last where they end, as libtrainer.save_dataset() does");
  };
  if (safetensors::scalar_types[entry.type] != at::kLong || entry.shape.size() != 1 || entry.shape[0] == 0)
    refuse("is " + shape_text(entry.shape) + " " + c10::toString(safetensors::scalar_types[entry.type]),
           "int64 [rows + 1]");
  at::Tensor read = file_->read(entry);
  const auto* at = read.const_data_ptr<std::int64_t>();
  const std::int64_t rows = read.numel() - 1, end = file_->entries()[values].shape[0];
  if (at[0] != 0) refuse("begins with " + std::to_string(at[0]), "0");
  for (std::int64_t i = 0; i < rows; ++i)
    if (at[i + 1] < at[i])
      refuse(
          "falls from " + std::to_string(at[i]) + " to " + std::to_string(at[i + 1]) + " at row " + std::to_string(i),
          "numbers that never fall");
  if (at[rows] != end) refuse("ends with " + std::to_string(at[rows]), "the " + std::to_string(end) + " values");
  return read;
}

std::vector<std::string> SafetensorsDataset::columns() const {
  std::vector<std::string> out;
  for (const auto& column : columns_) out.push_back(file_->entries()[column.entry].name);
  return out;
}

std::vector<std::string> SafetensorsDataset::ragged() const {
  std::vector<std::string> out;
  for (const auto& column : columns_)
    if (column.offsets.defined()) out.push_back(file_->entries()[column.entry].name);
  return out;
}

void SafetensorsDataset::copy(const Column& column, std::int64_t first, at::Tensor to) const {
  if (to.numel() == 0) return;
  if (column.values.defined())
    to.copy_(column.values.narrow(0, first, to.size(0)));
  else
    file_->read_rows(file_->entries()[column.entry], first, to);
}

at::Tensor SafetensorsDataset::rows_of(const Column& column, const at::Tensor& indices) const {
  if (column.values.defined()) return column.values.index_select(0, indices);
  const auto* rows = indices.const_data_ptr<std::int64_t>();
  const auto count = indices.numel();
  const auto& entry = file_->entries()[column.entry];
  auto shape = entry.shape;
  shape[0] = count;
  at::Tensor out = file_->make(entry, shape);
  // Rows that follow one another are read at once.
  for (std::int64_t at = 0, next = 0; at < count; at = next) {
    for (next = at + 1; next < count && rows[next] == rows[next - 1] + 1;) ++next;
    copy(column, rows[at], out.slice(0, at, next));
  }
  return out;
}

// Views into one new tensor.
std::vector<at::Tensor> SafetensorsDataset::ragged_rows_of(const Column& column, const at::Tensor& indices) const {
  const auto* offsets = column.offsets.const_data_ptr<std::int64_t>();
  const auto& entry = file_->entries()[column.entry];
  auto shape = entry.shape;
  std::vector<std::int64_t> lengths;
  shape[0] = 0;
  for (std::int64_t i = 0; i < indices.numel(); ++i) {
    const std::int64_t row = indices.const_data_ptr<std::int64_t>()[i];
    if (row < 0 || row >= column.rows)
      refuse_column(*file_, entry.name,
                    "has " + std::to_string(column.rows) + " rows, and row " + std::to_string(row) +
                        " was asked for; ask for one that is there");
    lengths.push_back(offsets[row + 1] - offsets[row]);
    shape[0] += lengths.back();
  }
  auto rows = file_->make(entry, shape).split_with_sizes(lengths);
  for (std::size_t i = 0; i < rows.size(); ++i)
    copy(column, offsets[indices.const_data_ptr<std::int64_t>()[i]], rows[i]);
  return rows;
}

Batch SafetensorsDataset::get_batch(const at::Tensor& indices) const {
  const bool ragged = std::any_of(columns_.begin(), columns_.end(), [](const auto& c) { return c.offsets.defined(); });
  if (ragged) return default_data_collator(get_rows(indices));
  Batch out;
  for (const auto& column : columns_) out.set(file_->entries()[column.entry].name, rows_of(column, indices));
  return out;
}

std::vector<Row> SafetensorsDataset::get_rows(const at::Tensor& indices) const {
  std::vector<Row> rows(static_cast<std::size_t>(indices.numel()));
  for (const auto& column : columns_) {
    auto cells = column.offsets.defined() ? ragged_rows_of(column, indices) : rows_of(column, indices).unbind(0);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].set(file_->entries()[column.entry].name, std::move(cells[i]));
  }
  return rows;
}

at::Tensor SafetensorsDataset::lengths(const std::string& name) const {
  const std::size_t named = find(name), found = named == none ? find("input_ids") : named;
  if (found == none) refuse_lengths(file_->name(), name);
  const auto& entry = file_->entries()[found];
  const Column column = open(found);
  if (column.rows != rows_)
    refuse_column(*file_, entry.name,
                  "has " + std::to_string(column.rows) + " rows, expected the " + std::to_string(rows_) +
                      " of the others; give as many in each");
  if (column.offsets.defined()) return column.offsets.diff();
  if (entry.shape.size() > 1) return at::full({rows_}, entry.shape[1], at::kLong);
  if (named == none || !at::isIntegralType(safetensors::scalar_types[entry.type], false))
    refuse_lengths(file_->name(), name);
  return file_->read(entry).to(at::kLong);
}

}  // namespace trainer
