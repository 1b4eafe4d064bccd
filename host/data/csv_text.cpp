// SPDX-License-Identifier: Apache-2.0
#include "data/csv_text.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "data/file_kind.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"

namespace trainer {
namespace {

std::string_view trimmed(std::string_view cell) {
  constexpr std::string_view blanks = " \t\r";
  const auto first = cell.find_first_not_of(blanks);
  if (first == cell.npos) return {};
  return cell.substr(first, cell.find_last_not_of(blanks) - first + 1);
}

}  // namespace

std::string shown(std::string_view cell) {
  std::size_t end = 60;
  if (cell.size() <= end) return "\"" + std::string(cell) + "\"";
  while (end > 0 && (static_cast<unsigned char>(cell[end]) & 0xc0) == 0x80) --end;  // no part of a letter
  return "\"" + std::string(cell.substr(0, end)) + "...\"";
}

CsvText::CsvText(const std::filesystem::path& path, char separator) : path_(path), text_(read_file(path)) {
  if (const auto kind = file_kind(text_); !kind.empty())
    throw_usage(error_id::data_invalid, path_.string() + " is " + std::string(kind) +
                                            ", expected CSV: a header line and rows, as text in UTF-8; write it as "
                                            "such, as pandas' to_csv(index=False) does");
  if (text_.compare(0, byte_order_mark.size(), byte_order_mark) == 0) start_ = byte_order_mark.size();
  if (text_.find('\n') == text_.npos && text_.find('\r') != text_.npos) end_of_line_ = '\r';
  if (const char named = take_separator_line(); named && !separator) separator = named;
  rewind();
  if (!next())
    throw_usage(error_id::data_invalid,
                path_.string() + " is empty; expected a header line with the columns, then rows");
  separator_ = separator ? separator : find_separator();
  rewind();
}

void CsvText::require_cells(std::size_t names) const {
  if (cells_.size() == names) return;
  throw_usage(error_id::data_invalid, at() + " has " + std::to_string(cells_.size()) + " cells, but the header names " +
                                          std::to_string(names) + " columns; correct or remove the line");
}

std::string CsvText::at(std::size_t line) const { return path_.string() + " line " + std::to_string(line); }

void CsvText::rewind() {
  position_ = start_;
  line_ = 0;
  next_line_ = first_line_;
}

// "sep=;", as Excel reads and writes it above the line of names.
char CsvText::take_separator_line() {
  const std::string_view rest = std::string_view(text_).substr(start_);
  const std::size_t end = std::min(rest.find(end_of_line_), rest.size());
  if (rest.substr(0, 4) != "sep=" || end < 5 || end > 6 || (end == 6 && rest[5] != '\r')) return 0;
  start_ += std::min(end + 1, rest.size());
  ++first_line_;
  return rest[4];
}

// The one that divides the header into most cells and the first row into as many.
char CsvText::find_separator() {
  char best = ',';
  std::pair<bool, std::size_t> best_found{false, 1};
  for (const char candidate : {',', ';', '\t', '|'}) {
    separator_ = candidate;
    rewind();
    next();
    const std::size_t header = cells_.size();
    const std::pair<bool, std::size_t> found{header > 1 && next() && cells_.size() == header, header};
    if (found > best_found) best = candidate, best_found = found;
  }
  return best;
}

bool CsvText::next() {
  while (position_ < text_.size()) {
    const std::size_t end = std::min(text_.find(end_of_line_, position_), text_.size());
    const std::string_view line(text_.data() + position_, end - position_);
    line_ = next_line_;
    if (trimmed(line).empty() && line.find(separator_) == line.npos) {
      position_ = end + 1;
      ++next_line_;
      continue;
    }
    cells_.clear();
    unquoted_.clear();
    if (line.find('"') != line.npos) {
      split_quoted();
    } else {
      split_plain(line);
      position_ = end + 1;
      ++next_line_;
    }
    return true;
  }
  return false;
}

void CsvText::split_plain(std::string_view line) {
  for (std::size_t start = 0;;) {
    const std::size_t end = line.find(separator_, start);
    cells_.push_back(trimmed(line.substr(start, end == line.npos ? end : end - start)));
    if (end == line.npos) return;
    start = end + 1;
  }
}

// A quote counts at a cell's start only; within a quoted cell a line may end, and a doubled quote stands for one.
void CsvText::split_quoted() {
  const std::string_view text = text_;
  const char ends[] = {separator_, end_of_line_, '\0'};
  for (bool more = true; more; ++position_) {
    while (position_ < text.size() && (text[position_] == ' ' || text[position_] == '\t') &&
           text[position_] != separator_)
      ++position_;
    std::size_t end = 0;
    if (position_ < text.size() && text[position_] == '"') {
      std::string& cell = unquoted_.emplace_back();
      const std::size_t opened = next_line_;
      for (++position_;; ++position_) {
        if (position_ >= text.size())
          throw_usage(error_id::data_invalid,
                      at(opened) + " opens a quote that is never closed; close it, or double it where it is meant");
        if (text[position_] == '"') {
          ++position_;
          if (position_ >= text.size() || text[position_] != '"') break;
        } else if (text[position_] == end_of_line_) {
          ++next_line_;
        }
        cell += text[position_];
      }
      end = std::min(text.find_first_of(ends, position_, 2), text.size());
      cell += trimmed(text.substr(position_, end - position_));
      cells_.push_back(cell);
    } else {
      end = std::min(text.find_first_of(ends, position_, 2), text.size());
      cells_.push_back(trimmed(text.substr(position_, end - position_)));
    }
    position_ = end;
    more = position_ < text.size() && text[position_] == separator_;
  }
  ++next_line_;
}

}  // namespace trainer
