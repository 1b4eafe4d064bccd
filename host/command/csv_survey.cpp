// SPDX-License-Identifier: Apache-2.0
#include "command/csv_survey.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/text.hpp"
#include "data/cell_number.hpp"
#include "data/csv_text.hpp"
#include "trainer/error.hpp"

namespace trainer::command {
namespace {

// More values than this are no classes, if they are numbers.
constexpr std::size_t most_classes = 100;

// Whole numbers of a column that is called so, that count from 0 or 1, or of which each comes twice on average number
// classes; prices and years seldom do.
bool number_classes(const std::string& name, const std::set<std::string>& labels, std::int64_t rows) {
  if (labels.size() > most_classes) return false;
  if (contains({"label", "labels", "class"}, lower(name))) return true;
  if (2 * static_cast<std::int64_t>(labels.size()) <= rows) return true;
  std::int64_t least = std::numeric_limits<std::int64_t>::max(), most = std::numeric_limits<std::int64_t>::min();
  for (const auto& label : labels)
    if (const auto whole = cell_integer(label)) least = std::min(least, *whole), most = std::max(most, *whole);
  return (least == 0 || least == 1) && most - least + 1 == static_cast<std::int64_t>(labels.size());
}

bool is_number(std::string_view cell, bool& decimal_comma) {
  if (cell_number(cell)) return true;
  if (!with_point(cell)) return false;
  return decimal_comma = true;
}

void add(CsvSurvey::Column& column, std::string_view cell, bool& decimal_comma) {
  if (is_missing(cell)) {
    column.missing = true;
    return;
  }
  if (column.numbers && !is_number(cell, decimal_comma)) column.numbers = column.whole = false;
  if (column.whole && !cell_integer(cell)) column.whole = false;
  column.empty = false;
}

std::size_t find_target(const std::vector<CsvSurvey::Column>& columns) {
  for (const char* name : {"label", "labels", "target", "class", "y"})
    for (std::size_t i = 0; i < columns.size(); ++i)
      if (lower(columns[i].name) == name) return i;
  return columns.size() - 1;
}

}  // namespace

bool CsvSurvey::is_feature(std::size_t column) const {
  const Column& c = columns[column];
  // "Unnamed: 0" is what pandas makes of an index that was written along.
  const bool numbers_rows = c.whole && contains({"id", "index", "", "unnamed: 0"}, lower(c.name));
  return column != target && c.numbers && !c.empty && !numbers_rows;
}

std::vector<std::string> CsvSurvey::drop() const {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (i != target && !is_feature(i)) out.push_back(columns[i].name);
  return out;
}

std::int64_t CsvSurvey::features() const {
  std::int64_t n = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) n += is_feature(i);
  return n;
}

bool CsvSurvey::missing() const {
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (is_feature(i) && columns[i].missing) return true;
  return false;
}

CsvSurvey survey_csv(const std::filesystem::path& file) {
  CsvText text(file, 0);
  CsvSurvey out;
  if (text.next())
    for (const auto name : text.cells()) out.columns.push_back({.name = std::string(name)});
  if (!out.columns.empty()) out.target = find_target(out.columns);
  while (text.next()) {
    text.require_cells(out.columns.size());
    ++out.rows;
    for (std::size_t i = 0; i < out.columns.size(); ++i) add(out.columns[i], text.cells()[i], out.decimal_comma);
    if (const auto label = text.cells()[out.target]; !is_missing(label)) out.labels.insert(canonical_cell(label));
  }
  if (out.rows == 0)
    throw_usage(error_id::data_invalid, file.string() + " has no rows below its header; a training needs some");
  const auto& target = out.columns[out.target];
  auto counted = out.labels;
  counted.erase("-100");  // a row that is to be ignored
  out.classes = !target.numbers || (target.whole && number_classes(target.name, counted, out.rows));
  out.guessed = target.whole;
  if (out.classes) out.labels = std::move(counted);
  if (out.features() == 0)
    throw_usage(error_id::data_invalid, file.string() + " has no column of numbers beside " + shown(target.name) +
                                            ", and a model needs at least one to learn from");
  return out;
}

}  // namespace trainer::command
