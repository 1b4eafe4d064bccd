// SPDX-License-Identifier: Apache-2.0
//
// One metric's file of rows, and its name as a path.
#include "metric.hpp"

#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>
#include <trainer/sdk/path.hpp>

#include "shared/csv_text/csv_text.hpp"
#include "shared/json_tree/json_tree.hpp"
#include "trainer/sdk/repr.hpp"

namespace trainer::dvclive {
namespace {

/// Rows with the offset behind each; the first is the header. One without a line end does not count.
struct Lines {
  std::string text;
  std::vector<std::size_t> ends;
};

Lines read_lines(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream all;
  all << in.rdbuf();
  if (!in) throw std::runtime_error(sdk::text_of(file) + " could not be read; make it readable");
  Lines lines{all.str(), {}};
  bool quoted = false;
  for (std::size_t i = 0; i < lines.text.size(); ++i) {
    if (lines.text[i] == '"') quoted = !quoted;
    if (lines.text[i] == '\n' && !quoted) lines.ends.push_back(i + 1);
  }
  return lines;
}

std::string unquote(std::string_view cell) {
  if (cell.size() < 2 || cell.front() != '"') return std::string(cell);
  std::string out;
  for (std::size_t i = 1; i + 1 < cell.size(); ++i) {
    if (cell[i] == '"') ++i;
    out += cell[i];
  }
  return out;
}

std::optional<Row> parse_row(std::string_view line) {
  Row row;
  const auto [end, code] = std::from_chars(line.data(), line.data() + line.size(), row.step);
  const auto at = static_cast<std::size_t>(end - line.data());
  if (code != std::errc() || at >= line.size() || line[at] != '\t') return std::nullopt;
  std::string_view cell = line.substr(at + 1);
  while (!cell.empty() && (cell.back() == '\n' || cell.back() == '\r')) cell.remove_suffix(1);
  row.value = unquote(cell);
  return row;
}

template <typename F>
void for_each_row(const Lines& lines, F&& f) {
  for (std::size_t i = 1; i < lines.ends.size(); ++i) {
    const auto line = std::string_view(lines.text).substr(lines.ends[i - 1], lines.ends[i] - lines.ends[i - 1]);
    f(line, parse_row(line));
  }
}

}  // namespace

std::string metric_name(std::string_view key) {
  std::string name(key);
  for (const std::string split : {"train_", "eval_"})
    for (std::size_t at = 0; (at = name.find(split, at)) != name.npos; at += split.size())
      name[at + split.size() - 1] = '/';
  return name;
}

std::optional<std::string> safe_path(std::string_view name) {
  const std::filesystem::path path = sdk::path_of(name).lexically_normal();
  if (path.empty() || path.is_absolute() || *path.begin() == ".." || !path.has_filename() || path == "." ||
      name.find('\0') != name.npos)
    return std::nullopt;
  return sdk::generic_text_of(path);
}

void append_value(std::string& out, const sdk::Value& value) {
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
      out += value.text();
  }
}

void append_summary_value(std::string& out, const sdk::Value& value) {
  if (value.raw()->type == TRAINER_BOOLEAN) {
    out += value.flag() ? "true" : "false";
  } else if (value.is_string()) {
    plugins::append_json_string(out, value.text(), plugins::Escape::ascii);
  } else {
    const bool quoted = !std::isfinite(value.number());
    if (quoted) out += '"';
    append_value(out, value);
    if (quoted) out += '"';
  }
}

void append_cell(std::string& out, std::string_view text) {
  if (!text.empty()) plugins::csv_text::append_text_cell(out, text, '\t');
}

void MetricFile::append(std::int64_t step, const sdk::Value& value, bool keep_open) {
  if (!out_.is_open()) {
    sdk::make_directory(std::filesystem::absolute(file_).parent_path());
    out_ = sdk::AppendFile::open(file_);
  }
  line_.clear();
  if (out_.size() == 0) {
    line_ += "step\t";
    append_cell(line_, column_);
    line_ += '\n';
  }
  sdk::append_repr(line_, step);
  line_ += '\t';
  value_.clear();
  append_value(value_, value);
  append_cell(line_, value_);
  line_ += '\n';
  out_.append(line_);
  if (!keep_open) out_.close();
}

std::vector<Row> read_rows(const std::filesystem::path& file) {
  std::vector<Row> rows;
  for_each_row(read_lines(file), [&](std::string_view, std::optional<Row> row) {
    if (row) rows.push_back(std::move(*row));
  });
  return rows;
}

std::vector<Row> cut_rows(const std::filesystem::path& file, std::int64_t end) {
  const Lines lines = read_lines(file);
  std::vector<Row> rows;
  std::string kept = lines.text.substr(0, lines.ends.empty() ? 0 : lines.ends[0]);
  for_each_row(lines, [&](std::string_view line, std::optional<Row> row) {
    if (row && row->step >= end) return;
    kept += line;
    if (row) rows.push_back(std::move(*row));
  });
  if (rows.empty())
    std::filesystem::remove(file);
  else if (kept != lines.text)
    sdk::replace_file(file, kept);
  return rows;
}

std::string summary_value_of(const std::string& cell) {
  if (cell == "True") return "true";
  if (cell == "False") return "false";
  // A finite number as Python writes it is one in JSON too.
  double number = 0;
  const auto [end, code] = std::from_chars(cell.data(), cell.data() + cell.size(), number);
  if (code == std::errc() && end == cell.data() + cell.size() && std::isfinite(number)) return cell;
  std::string quoted;
  plugins::append_json_string(quoted, cell, plugins::Escape::ascii);
  return quoted;
}

}  // namespace trainer::dvclive
