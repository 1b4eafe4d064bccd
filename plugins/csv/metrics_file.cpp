// SPDX-License-Identifier: Apache-2.0
//
// Starts, resumes and rewrites metrics.csv.
#include "metrics_file.hpp"

#include <charconv>
#include <limits>
#include <set>
#include <trainer/sdk/path.hpp>

#include "row_reader.hpp"
#include "shared/csv_text/csv_text.hpp"
#include "trainer/sdk/repr.hpp"

namespace trainer::csv {
namespace {

using plugins::csv_text::append_text_cell;
using plugins::csv_text::split_row;

constexpr std::int64_t every_step = std::numeric_limits<std::int64_t>::max();

/// The step is the first cell, a whole number. A row without one is nobody's repetition: it stays.
bool is_later(std::string_view row, std::int64_t last_step) {
  std::int64_t step = 0;
  const auto result = std::from_chars(row.data(), row.data() + row.size(), step);
  return result.ec == std::errc() && step > last_step;
}

/// What is needed to know before a file is changed.
struct Scan {
  std::vector<std::string> columns;  // empty when it is not a metrics file
  std::uint64_t rows = 0, later_rows = 0;
  std::uint64_t end = 0,
                end_of_kept = 0;  // bytes up to the last whole row, and the last that stays
  bool mixed = false;             // a row that stays comes after one that does not
};

Scan scan(const std::filesystem::path& path, std::int64_t last_step) {
  Scan found;
  RowReader reader(path);
  std::string row;
  if (!reader.next(row)) return found;
  found.columns = split_row(row);
  found.end = found.end_of_kept = reader.end();
  const std::set<std::string> names(found.columns.begin(), found.columns.end());
  if (found.columns[0] != "step" || names.size() != found.columns.size()) {
    found.columns.clear();
    return found;
  }
  while (reader.next(row)) {
    found.end = reader.end();
    if (is_later(row, last_step)) {
      ++found.later_rows;
      continue;
    }
    ++found.rows;
    found.mixed = found.mixed || found.later_rows != 0;
    found.end_of_kept = reader.end();
  }
  return found;
}

void append_cell(std::string& out, const sdk::Value& value) {
  switch (value.raw()->type) {
    case TRAINER_BOOLEAN:
      out += value.flag() ? "True" : "False";
      break;
    case TRAINER_INTEGER:
      sdk::append_repr(out, value.integer());
      break;
    case TRAINER_NUMBER:
      sdk::append_repr(out, value.number());
      break;
    default:
      append_text_cell(out, value.text());
  }
}

}  // namespace

Opened MetricsFile::start() {
  file_.close();
  sdk::make_directory(std::filesystem::absolute(path_).parent_path());
  Opened opened;
  opened.created = true;
  opened.kept = keep_aside();
  set_columns({"step", "epoch"});
  file_ = sdk::AppendFile::create(path_);
  file_.append(header());
  columns_in_file_ = columns_.size();
  return opened;
}

Opened MetricsFile::resume(std::int64_t last_step) {
  file_.close();
  std::error_code error;
  if (!std::filesystem::exists(path_, error)) return start();
  sdk::AppendFile file = sdk::AppendFile::open(path_);
  const Scan found = scan(path_, last_step);
  if (found.columns.empty()) {
    file.close();
    return start();
  }

  Opened opened;
  opened.rows = found.rows;
  opened.later_rows = found.later_rows;
  set_columns(found.columns);
  columns_in_file_ = columns_.size();
  file_ = std::move(file);
  opened.torn = found.end != file_.size();
  if (found.mixed)
    rewrite(last_step);
  else if (found.end_of_kept != file_.size())
    file_.truncate(found.end_of_kept);
  return opened;
}

void MetricsFile::begin_row(std::int64_t step) {
  ++row_;
  cells_.clear();
  sdk::append_repr(cells_, step);
  columns_.front().row = row_;
  columns_.front().begin = 0;
  columns_.front().size = cells_.size();
}

void MetricsFile::cell(std::string_view name, const sdk::Value& value) {
  Column& at = column(name);
  if (value.is_null() || at.row == row_) return;
  at.row = row_;
  at.begin = cells_.size();
  append_cell(cells_, value);
  at.size = cells_.size() - at.begin;
}

void MetricsFile::end_row() {
  // Also after a rewrite that failed: the columns are still to come.
  if (columns_.size() > columns_in_file_) {
    file_.require_name();  // or the rewrite would begin anew
    rewrite(every_step);
  }
  line_.clear();
  for (const Column& column : columns_) {
    if (column.row == row_) line_.append(cells_, column.begin, column.size);
    line_ += ',';
  }
  line_.back() = '\n';
  file_.append(line_);
}

MetricsFile::Column& MetricsFile::column(std::string_view name) {
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) return *found->second;
  Column& added = columns_.emplace_back();
  added.name = name;
  by_name_.emplace(added.name, &added);
  return added;
}

void MetricsFile::set_columns(const std::vector<std::string>& names) {
  by_name_.clear();
  columns_.clear();
  for (const std::string& name : names) column(name);
}

std::string MetricsFile::header() const {
  std::string line;
  for (const Column& column : columns_) {
    append_text_cell(line, column.name);
    line += ',';
  }
  line.back() = '\n';
  return line;
}

/// The file with today's header and its rows up to `last_step`, each as long as the header. Reads
/// and writes in pieces: a long run's file may be larger than memory.
void MetricsFile::rewrite(std::int64_t last_step) {
  constexpr std::size_t piece_size = 1u << 20;
  const std::string missing(columns_.size() - columns_in_file_, ',');
  sdk::Replacement next(path_);
  std::string piece = header();
  {
    RowReader reader(path_);
    std::string row;
    reader.next(row);  // the old header
    while (reader.next(row)) {
      if (is_later(row, last_step)) continue;
      piece += row;
      piece += missing;
      piece += '\n';
      if (piece.size() < piece_size) continue;
      next.append(piece);
      piece.clear();
    }
  }
  next.append(piece);
  const bool was_open = file_.is_open();
  file_ = sdk::AppendFile();  // Windows replaces no file that is open
  try {
    file_ = next.commit();
  } catch (const sdk::FileError&) {
    if (was_open) file_ = sdk::AppendFile::open(path_);
    throw;
  }
  columns_in_file_ = columns_.size();
}

/// Renames the file to PATH.1, or the first such name that is free, so that no run is overwritten.
std::filesystem::path MetricsFile::keep_aside() const {
  std::error_code error;
  const auto there = std::filesystem::status(path_, error);
  if (!std::filesystem::exists(there)) return {};
  sdk::require_own_file(path_);
  if (std::filesystem::file_size(path_) == 0) {  // killed before its first row
    std::filesystem::remove(path_);
    return {};
  }
  if (named_ && scan(path_, 0).columns.empty())
    throw sdk::FileError(sdk::text_of(path_) +
                             " has no metrics in it (its first column is not \"step\"), so it may be " +
                             "needed elsewhere; name another file",
                         EEXIST);
  for (int number = 1;; ++number) {
    std::filesystem::path kept = path_;
    kept += sdk::path_of("." + std::to_string(number));
    if (std::filesystem::exists(std::filesystem::symlink_status(kept, error))) continue;
    std::filesystem::rename(path_, kept, error);
    if (error) sdk::system_files::fail(path_, "could not be renamed to " + sdk::text_of(kept), error);
    return kept;
  }
}

}  // namespace trainer::csv
