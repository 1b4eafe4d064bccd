// SPDX-License-Identifier: Apache-2.0
//
// metrics.csv: a row per log, a column per metric, in the order in which they first appear.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "trainer/sdk/file.hpp"
#include "trainer/sdk/value.hpp"

namespace trainer::csv {

/// What was found at the path when the file was opened.
struct Opened {
  bool created = false;          ///< a new file: nothing in it is older than this call
  std::uint64_t rows = 0;        ///< rows that stay
  std::uint64_t later_rows = 0;  ///< rows dropped, of steps after the resumed one
  bool torn = false;             ///< a row that the file broke off in was cut
  std::filesystem::path kept;    ///< where a file that is not continued now is; empty when there was none
};

class MetricsFile {
 public:
  /// `named`: somebody chose the file, so that what is not of a run is refused and not moved.
  explicit MetricsFile(std::filesystem::path path, bool named = false) : path_(std::move(path)), named_(named) {}

  /// Starts a new file with the columns step and epoch. One that is there is kept as PATH.1, PATH.2
  /// …
  Opened start();

  /// Continues the file, or starts one: rows of steps above `last_step`, wherever they stand, are
  /// dropped. One that does not begin with a column "step" is somebody else's, and kept as in
  /// start().
  Opened resume(std::int64_t last_step);

  bool is_open() const { return file_.is_open(); }
  const std::filesystem::path& path() const { return path_; }

  /// A row: begin, its cells in any order, end. A null is a missing cell, and so is what is named
  /// "step".
  void begin_row(std::int64_t step);
  void cell(std::string_view column, const sdk::Value& value);
  /// One write of the row. When it has new columns, the file is first rewritten with the longer
  /// header and replaced at once. After an sdk::FileError the file is as it was, without the row.
  void end_row();

  void sync() { file_.sync(); }
  void close() { file_.close(); }

 private:
  // Where a column's cell of the current row stands in cells_; the number tells it from older
  // rows'.
  struct Column {
    std::string name;
    std::uint64_t row = 0;
    std::size_t begin = 0, size = 0;
  };

  Column& column(std::string_view name);
  void set_columns(const std::vector<std::string>& names);
  std::string header() const;
  void rewrite(std::int64_t last_step);
  std::filesystem::path keep_aside() const;

  std::filesystem::path path_;
  bool named_;
  sdk::AppendFile file_;
  std::deque<Column> columns_;  // never moves its elements, whose names the index views
  std::unordered_map<std::string_view, Column*> by_name_;
  std::size_t columns_in_file_ = 0;
  std::uint64_t row_ = 0;
  std::string cells_, line_;
};

}  // namespace trainer::csv
