// SPDX-License-Identifier: Apache-2.0
#include "trainer/column_dataset.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/text.hpp"
#include "data/column_source.hpp"
#include "data/failure.hpp"
#include "data/lengths.hpp"
#include "trainer/data_collator.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

constexpr std::string_view offsets_suffix = ".offsets";
constexpr std::size_t no_column = static_cast<std::size_t>(-1);

}  // namespace

struct ColumnDataset::Column {
  std::size_t place;  // in the source
  at::ScalarType type;
  std::vector<std::int64_t> shape;
  std::int64_t rows = 0;
  at::Tensor offsets = {};  // [rows + 1] int64; undefined where rows are of one length
  at::Tensor values = {};   // undefined where they stay in the files

  at::Tensor make(std::int64_t count) const {
    auto sizes = shape;
    sizes[0] = count;
    return at::empty(sizes, at::TensorOptions(type));
  }
  std::uint64_t bytes() const {
    return static_cast<std::uint64_t>(c10::multiply_integers(shape)) * at::elementSize(type);
  }
};

ColumnSource::~ColumnSource() = default;

ColumnDataset::ColumnDataset(std::unique_ptr<ColumnSource> source, const std::vector<std::string>& columns,
                             std::uint64_t in_memory)
    : source_(std::move(source)) {
  const auto& all = source_->columns();
  std::vector<char> used(all.size());
  std::vector<std::string> names;  // without those of offsets
  for (const auto& name : all) {
    const bool offsets = name.size() > offsets_suffix.size() && name.ends_with(offsets_suffix);
    if (!offsets || find(name.substr(0, name.size() - offsets_suffix.size())) == no_column) names.push_back(name);
  }
  std::uint64_t bytes = 0;
  for (const auto& name : columns.empty() ? names : columns) {
    if (!contains(names, name)) continue;
    const std::size_t place = find(name);
    if (std::exchange(used[place], 1)) continue;
    columns_.push_back(open(place));
    bytes += columns_.back().bytes();
  }
  for (const auto& name : names)
    if (!used[find(name)]) left_out_.push_back(name);
  if (!columns_.empty()) rows_ = columns_[0].rows;
  for (const auto& column : columns_)
    if (column.rows != rows_)
      refuse(column.place, (column.offsets.defined() ? "has " + std::to_string(column.rows) + " rows"
                                                     : "is " + shape_text(column.shape)) +
                               ", but \"" + all[columns_[0].place] + "\" has " + std::to_string(rows_) +
                               " rows; give columns with the rows first, as many of them in each");
  if (rows_ == 0)
    throw_usage(error_id::data_invalid, source_->name() + " has no rows" + (columns_.empty() ? " for this model" : "") +
                                            "; training and evaluation need at least one");
  if (bytes > in_memory) return;
  for (auto& column : columns_) column.values = read(column);
}

ColumnDataset::~ColumnDataset() = default;

void ColumnDataset::refuse(std::size_t place, const std::string& what) const {
  throw_usage(error_id::data_invalid, source_->name() + ": the column \"" + source_->columns()[place] + "\" " + what);
}

std::size_t ColumnDataset::find(const std::string& name) const {
  const auto& all = source_->columns();
  const auto found = std::find(all.begin(), all.end(), name);
  return found == all.end() ? no_column : static_cast<std::size_t>(found - all.begin());
}

ColumnDataset::Column ColumnDataset::open(std::size_t place) const {
  auto [type, shape] = source_->open(place);
  if (shape.empty()) refuse(place, "is [], a single number; give columns with the rows first");
  Column column{.place = place, .type = type, .shape = std::move(shape)};
  column.rows = column.shape[0];
  const std::size_t offsets = find(source_->columns()[place] + std::string(offsets_suffix));
  if (offsets == no_column) return column;
  column.offsets = read_offsets(offsets, column);
  column.rows = column.offsets.numel() - 1;
  return column;
}

at::Tensor ColumnDataset::read(const Column& column) const {
  at::Tensor out = column.make(column.shape[0]);
  if (out.numel() > 0) source_->read_rows(column.place, 0, out);
  return out;
}

at::Tensor ColumnDataset::read_offsets(std::size_t offsets, const Column& values) const {
  auto [type, shape] = source_->open(offsets);
  const auto wrong = [&](const std::string& found, const std::string& expected) {
    refuse(offsets, found + ", expected " + expected + "; write where the rows of \"" +
                        source_->columns()[values.place] +
                        "\" begin, and finally where the last one ends, as libtrainer.save_dataset() does");
  };
  if (type != at::kLong || shape.size() != 1 || shape[0] == 0)
    wrong("is " + shape_text(shape) + " " + c10::toString(type), "int64 [rows + 1]");
  at::Tensor out = read({.place = offsets, .type = type, .shape = std::move(shape)});
  const auto* at = out.const_data_ptr<std::int64_t>();
  const std::int64_t rows = out.numel() - 1, end = values.shape[0];
  if (at[0] != 0) wrong("begins with " + std::to_string(at[0]), "0");
  for (std::int64_t i = 0; i < rows; ++i)
    if (at[i + 1] < at[i])
      wrong("falls from " + std::to_string(at[i]) + " to " + std::to_string(at[i + 1]) + " at row " + std::to_string(i),
            "numbers that never fall");
  if (at[rows] != end) wrong("ends with " + std::to_string(at[rows]), "the " + std::to_string(end) + " values");
  return out;
}

std::vector<std::string> ColumnDataset::columns() const {
  std::vector<std::string> out;
  for (const auto& column : columns_) out.push_back(source_->columns()[column.place]);
  return out;
}

std::vector<at::Tensor> ColumnDataset::in_memory() const {
  std::vector<at::Tensor> out;
  for (const auto& column : columns_)
    for (const auto* tensor : {&column.offsets, &column.values})
      if (tensor->defined()) out.push_back(*tensor);
  return out;
}

std::vector<std::string> ColumnDataset::ragged() const {
  std::vector<std::string> out;
  for (const auto& column : columns_)
    if (column.offsets.defined()) out.push_back(source_->columns()[column.place]);
  return out;
}

void ColumnDataset::copy(const Column& column, std::int64_t first, at::Tensor to) const {
  if (to.numel() == 0) return;
  if (column.values.defined())
    to.copy_(column.values.narrow(0, first, to.size(0)));
  else
    source_->read_rows(column.place, first, to);
}

void ColumnDataset::check_rows(const Column& column, const at::Tensor& indices) const {
  const auto* rows = indices.const_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < indices.numel(); ++i)
    if (rows[i] < 0 || rows[i] >= column.rows)
      refuse(column.place, "has " + std::to_string(column.rows) + " rows, and row " + std::to_string(rows[i]) +
                               " was asked for; ask for one that is there");
}

at::Tensor ColumnDataset::rows_of(const Column& column, const at::Tensor& indices) const {
  check_rows(column, indices);
  if (column.values.defined()) return column.values.index_select(0, indices);
  const auto* rows = indices.const_data_ptr<std::int64_t>();
  const auto count = indices.numel();
  at::Tensor out = column.make(count);
  // Rows that follow one another are read at once.
  for (std::int64_t at = 0, next = 0; at < count; at = next) {
    for (next = at + 1; next < count && rows[next] == rows[next - 1] + 1;) ++next;
    copy(column, rows[at], out.slice(0, at, next));
  }
  return out;
}

// Views into one new tensor.
std::vector<at::Tensor> ColumnDataset::ragged_rows_of(const Column& column, const at::Tensor& indices) const {
  check_rows(column, indices);
  const auto* offsets = column.offsets.const_data_ptr<std::int64_t>();
  std::vector<std::int64_t> lengths;
  std::int64_t values = 0;
  for (std::int64_t i = 0; i < indices.numel(); ++i) {
    const std::int64_t row = indices.const_data_ptr<std::int64_t>()[i];
    lengths.push_back(offsets[row + 1] - offsets[row]);
    values += lengths.back();
  }
  auto rows = column.make(values).split_with_sizes(lengths);
  for (std::size_t i = 0; i < rows.size(); ++i)
    copy(column, offsets[indices.const_data_ptr<std::int64_t>()[i]], rows[i]);
  return rows;
}

Batch ColumnDataset::get_batch(const at::Tensor& indices) const {
  const bool ragged = std::any_of(columns_.begin(), columns_.end(), [](const auto& c) { return c.offsets.defined(); });
  if (ragged) return default_data_collator(get_rows(indices));
  Batch out;
  for (const auto& column : columns_) out.set(source_->columns()[column.place], rows_of(column, indices));
  return out;
}

std::vector<Row> ColumnDataset::get_rows(const at::Tensor& indices) const {
  std::vector<Row> rows(static_cast<std::size_t>(indices.numel()));
  for (const auto& column : columns_) {
    auto cells = column.offsets.defined() ? ragged_rows_of(column, indices) : rows_of(column, indices).unbind(0);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].set(source_->columns()[column.place], std::move(cells[i]));
  }
  return rows;
}

at::Tensor ColumnDataset::lengths(const std::string& name) const {
  const std::size_t named = find(name), found = named == no_column ? find("input_ids") : named;
  if (found == no_column) refuse_lengths(source_->name(), name);
  const auto kept =
      std::find_if(columns_.begin(), columns_.end(), [&](const Column& column) { return column.place == found; });
  const Column column = kept == columns_.end() ? open(found) : *kept;
  if (column.rows != rows_)
    refuse(found, "has " + std::to_string(column.rows) + " rows, expected the " + std::to_string(rows_) +
                      " of the others; give as many in each");
  if (column.offsets.defined()) return column.offsets.diff();
  if (column.shape.size() > 1) return at::full({rows_}, column.shape[1], at::kLong);
  if (named == no_column || !at::isIntegralType(column.type, false)) refuse_lengths(source_->name(), name);
  return (column.values.defined() ? column.values : read(column)).to(at::kLong);
}

}  // namespace trainer
