// SPDX-License-Identifier: Apache-2.0
//
// A text of lines and cells, as RFC 4180 and the programs that write such files have it.
#pragma once

#include <deque>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace trainer {

/// A CSV file, read record by record. What is no such text is a usage Error that says what it looks like.
class CsvText {
 public:
  /// `separator` 0: a comma, semicolon, tab or bar, whichever the header is made with.
  CsvText(const std::filesystem::path& path, char separator);

  /// Goes to the next record; blank lines are passed over. False at the end.
  bool next();
  /// The record's cells without quotes and blanks around them; valid until next().
  const std::vector<std::string_view>& cells() const { return cells_; }
  /// A usage Error when the record has another number of cells than the header has names.
  void require_cells(std::size_t names) const;
  std::size_t line() const { return line_; }  ///< of its first line, from 1
  /// "FILE line N", and with a column its name: for messages.
  std::string at() const { return at(line_); }
  std::string at(std::size_t line) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  char take_separator_line();
  char find_separator();
  void rewind();
  void split_plain(std::string_view line);
  void split_quoted();

  std::filesystem::path path_;
  std::string text_;
  char separator_ = ',', end_of_line_ = '\n';
  std::size_t start_ = 0, first_line_ = 1;  // where the line of names is, or a blank one before it
  std::size_t position_ = 0, line_ = 0, next_line_ = 1;
  std::vector<std::string_view> cells_;
  std::deque<std::string> unquoted_;  // what those of the cells that were quoted point into
};

/// A cell for a message, in quotes and cut when it is long.
std::string shown(std::string_view cell);

}  // namespace trainer
