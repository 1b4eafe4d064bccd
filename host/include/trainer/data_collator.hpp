// SPDX-License-Identifier: Apache-2.0
//
// How rows become a batch.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "trainer/batch.hpp"

namespace trainer {

/// Makes a batch of rows, at least one; from several threads at once with dataloader_num_workers. What it throws leaves
/// the Trainer as an Error that names the rows.
using DataCollator = std::function<Batch(const std::vector<Row>& rows)>;

/// Stacks each column of the first row; "label" and "label_ids" become "labels", as in transformers. An Error where
/// another row lacks the column, or has another shape in it.
Batch default_data_collator(const std::vector<Row>& rows);

/// Pads columns to one length, in the first dimension of their rows, and stacks them all: what transformers' collators
/// with a tokenizer make of columns of numbers.
struct DataCollatorWithPadding {
  /// The columns whose rows differ in length, and what fills them: {{"input_ids", 0}, {"labels", -100}}. A column that
  /// the rows lack is passed over; a fill that the column's type cannot hold is an Error.
  std::map<std::string, double, std::less<>> padding;
  /// The length of each; without it that of the longest row of the batch, in each column. A longer row is an Error.
  std::optional<std::int64_t> max_length = {};
  /// The length becomes the next multiple of this.
  std::int64_t pad_to_multiple_of = 1;
  enum class Side { right, left } padding_side = Side::right;
  /// A column that batches get where rows lack it, [B, length] int64: 1 where a row has a value in `of`, and 0 where it
  /// was filled, as a tokenizer's pad() makes it.
  struct AttentionMask {
    std::string of = "input_ids", name = "attention_mask";
  };
  std::optional<AttentionMask> attention_mask = {};

  Batch operator()(const std::vector<Row>& rows) const;
};

}  // namespace trainer
