// SPDX-License-Identifier: Apache-2.0
#include "trainer/data_collator.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "data/failure.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

const std::string& name_in_batch(const std::string& name) {
  static const std::string labels = "labels";
  return name == "label" || name == "label_ids" ? labels : name;
}

std::vector<at::Tensor> column_of(const std::vector<Row>& rows, const std::string& name) {
  std::vector<at::Tensor> cells;
  cells.reserve(rows.size());
  for (const Row& row : rows) {
    cells.push_back(row[name]);
    if (!cells.back().defined())
      throw_usage(error_id::data_invalid,
                  "row " + std::to_string(cells.size() - 1) + " of a batch has no \"" + name +
                      "\", which its first row has; give all rows the same columns, or an own data_collator");
  }
  return cells;
}

at::Tensor stacked(const std::vector<at::Tensor>& cells, const std::string& name) {
  for (const at::Tensor& cell : cells)
    if (cell.sizes() != cells[0].sizes())
      throw_usage(error_id::data_invalid, "\"" + name + "\" has the shapes " + shape_text(cells[0].sizes()) + " and " +
                                              shape_text(cell.sizes()) +
                                              " in rows of one batch, expected one shape; pad the column with a "
                                              "DataCollatorWithPadding");
  return at::stack(cells);
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
      std::int64_t longest = 0;
      for (const at::Tensor& cell : cells) {
        if (cell.dim() == 0)
          throw_usage(error_id::data_invalid,
                      "\"" + name + "\" is to be padded, but has single numbers; take it out of the padding");
        longest = std::max(longest, cell.size(0));
      }
      if (max_length && longest > *max_length)
        throw_usage(error_id::data_invalid, "\"" + name + "\" has a row of length " + std::to_string(longest) +
                                                ", expected at most max_length " + std::to_string(*max_length) +
                                                "; cut the rows, or raise it");
      const std::int64_t multiple = std::max<std::int64_t>(pad_to_multiple_of, 1);
      const std::int64_t length = (max_length.value_or(longest) + multiple - 1) / multiple * multiple;
      for (at::Tensor& cell : cells) {
        const std::int64_t missing = length - cell.size(0);
        if (missing == 0) continue;
        auto sizes = cell.sizes().vec();
        sizes[0] = length;
        const at::Tensor padded = at::full(sizes, fill->second, cell.options());
        padded.narrow(0, padding_side == Side::right ? 0 : missing, cell.size(0)).copy_(cell);
        cell = padded;
      }
    }
    batch.set(name_in_batch(name), stacked(cells, name));
  }
  return batch;
}

}  // namespace trainer
