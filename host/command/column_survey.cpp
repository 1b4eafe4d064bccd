// SPDX-License-Identifier: Apache-2.0
#include "command/column_survey.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "base/text.hpp"
#include "command/print.hpp"
#include "trainer/error.hpp"
#include "trainer/json_lines_dataset.hpp"
#include "trainer/npy_dataset.hpp"
#include "trainer/run_file.hpp"
#include "trainer/safetensors_dataset.hpp"

namespace trainer::command {
namespace {

using Format = RunFile::Data::Format;

void add_row(ColumnSurvey& out, const Row& row) {
  for (const auto& [name, cell] : row)
    out.columns.push_back({.name = name, .type = cell.scalar_type(), .shape = cell.sizes().vec()});
}

void look_at_labels(ColumnSurvey& out, const at::Tensor& labels) {
  if (labels.numel() > 0 && at::isIntegralType(labels.scalar_type(), false))
    out.most_label = std::max(out.most_label, labels.max().item<std::int64_t>());
}

void survey_stream(ColumnSurvey& out, const std::filesystem::path& data) {
  constexpr std::int64_t most = 1000;
  const JsonLinesDataset rows(data);
  if (rows.reads_once())
    throw_usage(error_id::data_invalid,
                data.string() + " is a pipe, whose rows come once; name a file with some of them, or leave --data out");
  out.stream = true;
  const auto next = rows.stream(0);
  while (out.rows < most) {
    const auto row = next();
    if (!row) break;
    if (++out.rows == 1) add_row(out, *row);
    for (auto& column : out.columns) {
      const at::Tensor cell = (*row)[column.name];
      column.ragged = column.ragged ||
                      !std::equal(column.shape.begin(), column.shape.end(), cell.sizes().begin(), cell.sizes().end());
      if (column.name == "labels") look_at_labels(out, cell);
    }
  }
}

void survey_tensors(ColumnSurvey& out, const ColumnDataset& set) {
  out.rows = set.size();
  if (out.rows == 0) return;
  add_row(out, set.get_rows(at::zeros({1}, at::kLong))[0]);
  const auto ragged = set.ragged();
  for (auto& column : out.columns) column.ragged = contains(ragged, column.name);
}

}  // namespace

std::string type_text(at::ScalarType type, at::IntArrayRef shape) {
  std::string out(c10::getDtypeNames(type).first), sizes;
  for (const auto size : shape) sizes += (sizes.empty() ? " [" : ", ") + std::to_string(size);
  return out + (sizes.empty() ? "" : sizes + "]");
}

const ColumnSurvey::Column* ColumnSurvey::find(const std::string& name) const {
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const auto& column) { return column.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

std::string ColumnSurvey::text() const {
  std::string out = stream ? "the first " + count_text(rows, "row") : count_text(rows, "row");
  for (const auto& column : columns)
    out += (&column == &columns[0] ? ": " : "; ") + column.name + " " +
           (column.ragged ? std::string(c10::getDtypeNames(column.type).first) + " of several lengths"
                          : type_text(column.type, column.shape));
  return out;
}

ColumnSurvey survey_columns(const std::filesystem::path& data) {
  ColumnSurvey out;
  const auto format = RunFile::Data::format(data);
  const auto open = [&](const std::vector<std::string>& names) -> std::unique_ptr<ColumnDataset> {
    if (format == Format::npy) return std::make_unique<NpyDataset>(data, names);
    return std::make_unique<SafetensorsDataset>(data, names);
  };
  if (format == Format::json_lines) {
    survey_stream(out, data);
  } else {
    survey_tensors(out, *open({}));
    const auto* labels = out.find("labels");
    if (labels && !labels->ragged && labels->shape.empty()) {
      const auto set = open({"labels"});
      look_at_labels(out, set->get_batch(at::arange(set->size()))["labels"]);
    }
  }
  if (out.rows == 0) throw_usage(error_id::data_invalid, data.string() + " has no rows; a training needs some");
  return out;
}

}  // namespace trainer::command
