// SPDX-License-Identifier: Apache-2.0
#include "command/run_collator.hpp"

#include <ATen/ATen.h>

#include "base/text.hpp"
#include "trainer/error.hpp"

namespace trainer::command {

RunCollator::RunCollator(const RunFile& run, const std::vector<std::string>& taken)
    : where_(run.path.string() + ": data.collate") {
  if (!run.data.collate) return;
  const auto& collate = *run.data.collate;
  padding_ = {
      .padding = collate.pad,
      .max_length = collate.to,
      .pad_to_multiple_of = collate.pad_to_multiple_of,
      .padding_side = collate.left ? DataCollatorWithPadding::Side::left : DataCollatorWithPadding::Side::right};
  const auto column = [&](const std::string& input) {
    const auto found = run.model.inputs.find(input);
    return found == run.model.inputs.end() ? input : found->second;
  };
  const DataCollatorWithPadding::AttentionMask mask{.of = column("input_ids"), .name = column("attention_mask")};
  if (contains(taken, mask.name) && contains(taken, mask.of)) padding_->attention_mask = mask;
  for (const auto& [name, fill] : collate.pad)
    if (!taken.empty() && !contains(taken, name) && name != "labels")
      throw_usage(error_id::run_file_invalid, where_ + ".pad names \"" + name + "\", but the model takes " +
                                                  join(taken) + "; name columns that it takes");
}

DataCollator RunCollator::collator() const { return padding_ ? DataCollator(*padding_) : nullptr; }

bool RunCollator::makes(const std::string& column) const {
  return padding_ && padding_->attention_mask && padding_->attention_mask->name == column;
}

Batch RunCollator::check(const ColumnDataset& set, const std::filesystem::path& file) const {
  for (const auto& name : set.ragged()) {
    if (!padding_ || !padding_->padding.contains(name))
      throw_usage(error_id::data_invalid, file.string() + ": the rows of \"" + name +
                                              "\" differ in length, and nothing says what fills them; " +
                                              "add \"collate\": {\"pad\": {\"" + name +
                                              "\": " + (name == "labels" ? "-100" : "0") +
                                              "}} to data of the run file, with all such columns");
    if (!padding_->max_length) continue;
    const at::Tensor lengths = set.lengths(name);
    const auto longest = lengths.argmax().item<std::int64_t>(), length = lengths.max().item<std::int64_t>();
    if (length > *padding_->max_length)
      throw_usage(error_id::data_invalid, file.string() + ": row " + std::to_string(longest) + " has the length " +
                                              std::to_string(length) + " in \"" + name + "\", expected at most " +
                                              std::to_string(*padding_->max_length) + ", which " + where_ +
                                              ".to says; cut the rows, or raise it");
  }
  // Each column with the type that it has in this file.
  const auto first = set.get_rows(at::zeros({1}, at::kLong));
  try {
    return padding_ ? (*padding_)(first) : default_data_collator(first);
  } catch (const Error& e) {
    throw Error(e.kind(), e.id(), file.string() + ": " + e.sentence());
  }
}

}  // namespace trainer::command
