// SPDX-License-Identifier: Apache-2.0
#include "command/init_data.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "command/column_survey.hpp"
#include "command/csv_survey.hpp"
#include "command/print.hpp"
#include "trainer/csv_dataset.hpp"
#include "trainer/error.hpp"
#include "trainer/json.hpp"
#include "trainer/run_file.hpp"

namespace trainer::command {
namespace fs = std::filesystem;
namespace {

std::string mlp(std::int64_t features, std::int64_t outputs) {
  return "  \"model\": {\"type\": \"mlp\", \"layers\": [" + std::to_string(features) + ", 64, " +
         std::to_string(outputs) + "], \"activation\": \"relu\"},\n";
}

std::string loss_of(bool classes) {
  return classes ? "  \"loss\": \"cross_entropy\",  // \"mse\" where the target is a quantity\n"
                   "  \"metrics\": [\"accuracy\"],  // and others: docs/metrics.md\n"
                 : "  \"loss\": \"mse\",  // \"cross_entropy\" where the target is a class\n"
                   "  \"metrics\": [\"r2\", \"mae\"],  // and others: docs/metrics.md\n";
}

// The file as a run would read it: what is wrong with it is told now.
void read_csv(const fs::path& data, const CsvSurvey& found, std::int64_t outputs) {
  CsvOptions options{.target = found.columns[found.target].name,
                     .labels = found.classes ? Labels::classification : Labels::regression,
                     .classes = outputs,
                     .features = found.features(),
                     .drop = found.drop()};
  if (found.missing()) options.missing = CsvOptions::Missing::mean;
  if (found.decimal_comma) options.decimal = ',';
  const CsvDataset dataset(data, options);
}

// What whole numbers were taken for, and what to write where they are the other.
std::string guess_of(const CsvSurvey& found) {
  if (!found.guessed) return "";
  const std::string width = std::to_string(found.classes ? 1 : found.labels.size());
  return std::string("  // its whole numbers are taken for ") +
         (found.classes ? "classes; if they are a quantity, write" : "a quantity; if they are classes, write") +
         " \"loss\": " +
         (found.classes ? "\"mse\", \"metrics\": [\"r2\"]" : "\"cross_entropy\", \"metrics\": [\"accuracy\"]") +
         ", and " + width + " as the last of \"layers\"\n";
}

std::string of_csv(const fs::path& data, const std::string& shown) {
  const CsvSurvey found = survey_csv(data);
  const auto& target = found.columns[found.target].name;
  const auto outputs = found.classes ? std::max<std::int64_t>(2, static_cast<std::int64_t>(found.labels.size())) : 1;
  read_csv(data, found, outputs);
  std::string out =
      "  // " + count_text(found.rows, "row") + ": " + count_text(found.features(), "column") + " of numbers, and " +
      (found.classes ? std::to_string(found.labels.size()) + (found.labels.size() == 1 ? " class" : " classes")
                     : std::string("quantities")) +
      " in " + json_text(target) + "\n" + guess_of(found) + mlp(found.features(), outputs) + loss_of(found.classes) +
      "  \"data\": {\n    \"train\": " + json_text(shown) +
      ",\n    // \"eval\": \"eval.csv\",  // rows that are not used for training\n    \"target\": " +
      json_text(target) + ",\n";
  if (const auto drop = found.drop(); !drop.empty()) {
    out += "    \"drop\": " + json::dump(json::array(drop.begin(), drop.end())) +
           ",  // not features: texts, row numbers\n";
  }
  if (found.missing()) out += "    \"missing\": \"mean\",  // for cells without a value\n";
  if (found.decimal_comma) out += "    \"decimal\": \",\",\n";
  return out + "  },\n";
}

// One of the built-in models, where the columns are such as it takes; else one of PyTorch.
std::string model_of(const ColumnSurvey& found) {
  const auto* features = found.find("features");
  const auto* labels = found.find("labels");
  const bool table = features && !features->ragged && features->type == at::kFloat && features->shape.size() == 1 &&
                     labels && !labels->ragged;
  if (table && labels->shape.empty() && found.most_label >= 0)
    return mlp(features->shape[0], std::max<std::int64_t>(2, found.most_label + 1)) + loss_of(true);
  if (table && labels->type == at::kFloat && labels->shape.size() < 2)
    return mlp(features->shape[0], labels->shape.empty() ? 1 : labels->shape[0]) + loss_of(false);
  return "  // libtrainer.export() in Python makes it of any PyTorch model: docs/models.md\n"
         "  \"model\": {\"type\": \"pt2\", \"file\": \"model.pt2\"},\n";
}

InitData of_columns(const fs::path& data, const std::string& shown) {
  const ColumnSurvey found = survey_columns(data);
  std::string pad;
  for (const auto& column : found.columns)
    if (column.ragged)
      pad += (pad.empty() ? "" : ", ") + json_text(column.name) + (column.name == "labels" ? ": -100" : ": 0");
  std::string out = "  // " + on_one_line(found.text()) + "\n" + model_of(found) +
                    "  \"data\": {\n    \"train\": " + json_text(shown) +
                    ",\n    // \"eval\": \"eval.safetensors\",  // rows that are not used for training\n";
  if (!pad.empty())
    out += "    \"collate\": {\"pad\": {" + pad + "}},  // what fills rows that are shorter than others\n";
  return {out + "  },\n", found.stream};
}

std::string of_nothing() {
  return "  // widths: the columns of numbers in the data, hidden layers, the classes\n" + mlp(4, 3) +
         "  \"loss\": \"cross_entropy\",  // \"mse\" where the target is a quantity, with one output\n"
         "  \"metrics\": [\"accuracy\"],\n"
         "  \"data\": {\n    \"train\": \"train.csv\",\n    // \"eval\": \"eval.csv\",  // rows that are not used for training\n"
         "    \"target\": \"label\",  // the column with the labels\n  },\n";
}

}  // namespace

InitData init_data(const fs::path& data, const std::string& shown) {
  if (data.empty()) return {of_nothing()};
  if (RunFile::Data::format(data) != RunFile::Data::Format::csv) return of_columns(data, shown);
  return {of_csv(data, shown)};
}

}  // namespace trainer::command
