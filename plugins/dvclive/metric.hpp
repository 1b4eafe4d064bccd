// SPDX-License-Identifier: Apache-2.0
//
// One metric: its name, its file of rows plots/metrics/<name>.tsv, its place in the summary.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/sdk/file.hpp"
#include "trainer/sdk/value.hpp"

namespace trainer::dvclive {

/// standardize_metric_name() for Hugging Face: "train_" and "eval_" become "train/" and "eval/"
/// wherever they stand.
std::string metric_name(std::string_view key);

/// The name as a path below plots/metrics; nothing when it would lead out of it.
std::optional<std::string> safe_path(std::string_view name);

/// Python's str() of a number or text: what stands in a row, and (NaN and infinities as text too) in
/// the summary.
void append_value(std::string& out, const sdk::Value& value);
void append_summary_value(std::string& out, const sdk::Value& value);

/// A cell as Python's csv writes it between tabs.
void append_cell(std::string& out, std::string_view text);

class MetricFile {
 public:
  /// `file` is made with the first row.
  MetricFile(std::filesystem::path file, std::string column) : file_(std::move(file)), column_(std::move(column)) {}

  /// One write. `keep_open` saves opening it again for the next row.
  void append(std::int64_t step, const sdk::Value& value, bool keep_open);
  /// The next row opens it again. Throws sdk::FileError when the system says only now that rows could not be
  /// written.
  void close() { out_.close(); }

 private:
  std::filesystem::path file_;
  std::string column_, line_, value_;
  sdk::AppendFile out_;
};

struct Row {
  std::int64_t step = 0;
  std::string value;
};

/// Takes the rows from `end` on out of the file, and one that it broke off in; a file without rows is
/// removed. Gives those that stay.
std::vector<Row> cut_rows(const std::filesystem::path& file, std::int64_t end);

/// The rows of the file.
std::vector<Row> read_rows(const std::filesystem::path& file);

/// The summary's form of a row's text.
std::string summary_value_of(const std::string& cell);

}  // namespace trainer::dvclive
