// SPDX-License-Identifier: Apache-2.0
#include "trainer/data_collator.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "data/failure.hpp"
#include "data/name_in_batch.hpp"
#include "trainer/error.hpp"
#include "trainer/json.hpp"

namespace trainer {
namespace {

std::vector<at::Tensor> column_of(const std::vector<Row>& rows, const std::string& name) {
  std::vector<at::Tensor> cells;
  cells.reserve(rows.size());
  for (const Row& row : rows) {
    cells.push_back(row[name]);
    if (!cells.back().defined())
      throw_usage(error_id::data_invalid,
                  "row " + std::to_string(cells.size() - 1) + " of a batch has no \"" + name +
                      "\", which its first row has; give all rows the same columns, or your own data_collator");
  }
  return cells;
}

at::Tensor stacked(const std::vector<at::Tensor>& cells, const std::string& name) {
  for (const at::Tensor& cell : cells)
    if (cell.sizes() != cells[0].sizes())
      throw_usage(error_id::data_invalid,
                  "\"" + name + "\" has the shapes " + shape_text(cells[0].sizes()) + " and " +
                      shape_text(cell.sizes()) +
                      " in rows of one batch, expected one shape; pad the column: \"collate\" in "
                      "a run file's data, DataCollatorWithPadding in C++");
  return at::stack(cells);
}

// Of what a type holds, the least and the most; whole numbers above 2^53 are none that a fill can be.
std::pair<double, double> range_of(at::ScalarType type) {
  constexpr double whole = 9007199254740992;
  switch (type) {
    case at::kBool:
      return {0, 1};
    case at::kByte:
      return {0, 255};
    case at::kChar:
      return {-128, 127};
    case at::kShort:
      return {-32768, 32767};
    case at::kInt:
      return {-2147483648., 2147483647};
    case at::kLong:
      return {-whole, whole};
    case at::kHalf:
      return {-65504, 65504};
    case at::kDouble:
      return {std::numeric_limits<double>::lowest(), std::numeric_limits<double>::max()};
    default:
      return {std::numeric_limits<float>::lowest(), std::numeric_limits<float>::max()};
  }
}

// Rounded or wrapped around, it would be another number in silence.
void require_fits(double fill, const at::Tensor& cell, const std::string& name) {
  const auto type = cell.scalar_type();
  const auto [least, most] = range_of(type);
  const bool in_range = fill >= least && fill <= most;
  if (at::isFloatingType(type) ? in_range || !std::isfinite(fill) : in_range && fill == std::trunc(fill)) return;
  throw_usage(error_id::data_invalid, "\"" + name + "\" is to be filled with " + json::repr(fill) +
                                          ", which its type " + c10::toString(type) +
                                          " cannot hold; give another fill, or store the column in another type");
}

std::int64_t padded_length(const std::vector<at::Tensor>& cells, const std::string& name,
                           const DataCollatorWithPadding& collator) {
  std::int64_t longest = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (cells[i].dim() == 0)
      throw_usage(error_id::data_invalid,
                  "\"" + name + "\" is to be padded, but has single numbers; take it out of the padding");
    longest = std::max(longest, cells[i].size(0));
    if (collator.max_length && cells[i].size(0) > *collator.max_length)
      throw_usage(error_id::data_invalid, "row " + std::to_string(i) + " of a batch has the length " +
                                              std::to_string(cells[i].size(0)) + " in \"" + name +
                                              "\", expected at most max_length " +
                                              std::to_string(*collator.max_length) + "; cut the rows, or raise it");
  }
  const std::int64_t multiple = std::max<std::int64_t>(collator.pad_to_multiple_of, 1);
  return (collator.max_length.value_or(longest) + multiple - 1) / multiple * multiple;
}

at::Tensor padded(const at::Tensor& cell, std::int64_t length, double fill, DataCollatorWithPadding::Side side) {
  const std::int64_t missing = length - cell.size(0);
  if (missing == 0) return cell;
  auto sizes = cell.sizes().vec();
  sizes[0] = length;
  at::Tensor out = at::full(sizes, fill, cell.options());
  out.narrow(0, side == DataCollatorWithPadding::Side::right ? 0 : missing, cell.size(0)).copy_(cell);
  return out;
}

// [rows, length] of what `filled` has of each row.
at::Tensor mask_of(const std::vector<Row>& rows, const std::string& name, const at::Tensor& filled,
                   DataCollatorWithPadding::Side side) {
  const std::int64_t width = filled.dim() < 2 ? 1 : filled.size(1);
  at::Tensor mask = at::zeros({std::ssize(rows), width}, at::kLong);
  auto* to = mask.mutable_data_ptr<std::int64_t>();
  for (const Row& row : rows) {
    const at::Tensor& cell = row[name];
    const std::int64_t length = cell.dim() == 0 ? 1 : cell.size(0);
    std::fill_n(to + (side == DataCollatorWithPadding::Side::right ? 0 : width - length), length, 1);
    to += width;
  }
  return mask;
}

}  // namespace

Batch default_data_collator(const std::vector<Row>& rows) {
  Batch batch;
  for (const auto& [name, first] : rows.at(0)) batch.set(name_in_batch(name), stacked(column_of(rows, name), name));
  return batch;
}

Batch DataCollatorWithPadding::operator()(const std::vector<Row>& rows) const {
  Batch batch;
  for (const auto& [name, first] : rows.at(0)) {
    auto cells = column_of(rows, name);
    if (const auto fill = padding.find(name); fill != padding.end()) {
      require_fits(fill->second, first, name);
      const std::int64_t length = padded_length(cells, name, *this);
      for (at::Tensor& cell : cells) cell = padded(cell, length, fill->second, padding_side);
    }
    batch.set(name_in_batch(name), stacked(cells, name));
  }
  if (attention_mask && !batch[attention_mask->name].defined() && batch[attention_mask->of].defined())
    batch.set(attention_mask->name, mask_of(rows, attention_mask->of, batch[attention_mask->of], padding_side));
  return batch;
}

}  // namespace trainer
