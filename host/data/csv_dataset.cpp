// SPDX-License-Identifier: Apache-2.0
//
// load_csv(): a table of numbers as a dataset. A mistake in it is named with its line.
#include <ATen/ATen.h>

#include <charconv>
#include <cmath>

#include "base/text.hpp"
#include "trainer/dataset.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/json.hpp"

namespace trainer {
namespace {

// Cells of one line; quotes as RFC 4180 has them (a doubled quote stands for one).
std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') {
      if (quoted && i + 1 < line.size() && line[i + 1] == '"')
        cells.back() += line[++i];
      else
        quoted = !quoted;
    } else if (line[i] == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += line[i];
    }
  }
  return cells;
}

std::string_view trimmed(std::string_view cell) {
  while (!cell.empty() && (cell.front() == ' ' || cell.front() == '\t')) cell.remove_prefix(1);
  while (!cell.empty() && (cell.back() == ' ' || cell.back() == '\t')) cell.remove_suffix(1);
  return cell;
}

class Reader {
 public:
  Reader(const std::filesystem::path& path, const std::string& target, Labels labels, std::int64_t classes)
      : path_(path), target_(target), labels_(labels), classes_(classes) {}

  void read_header(std::string_view line) {
    for (const auto& cell : split(line)) names_.emplace_back(trimmed(cell));
    const auto found = std::find(names_.begin(), names_.end(), target_);
    if (found == names_.end()) {
      const std::string near = nearest(target_, names_);
      throw_usage(error_id::data_invalid,
                  at(1) + " has no column \"" + target_ + "\", which data.target names" +
                      (near.empty() ? "; name one of its " + std::to_string(names_.size()) + " columns"
                                    : "; did you mean \"" + near + "\"?"));
    }
    target_index_ = static_cast<std::size_t>(found - names_.begin());
  }

  void read_row(std::string_view line, std::size_t number) {
    // The plain case, without a quote, is read in place.
    if (line.find('"') != line.npos) {
      const auto cells = split(line);
      if (cells.size() != names_.size()) ragged(cells.size(), number);
      for (std::size_t i = 0; i < cells.size(); ++i) read_cell(cells[i], i, number);
      return;
    }
    std::size_t i = 0;
    for (std::string_view rest = line;; ++i) {
      const auto comma = rest.find(',');
      if (i < names_.size()) read_cell(rest.substr(0, comma), i, number);
      if (comma == rest.npos) break;
      rest.remove_prefix(comma + 1);
    }
    if (i + 1 != names_.size()) ragged(i + 1, number);
  }

  std::shared_ptr<TensorDataset> finish(std::int64_t expected_features) const {
    const auto columns = static_cast<std::int64_t>(names_.size()) - 1;
    const auto rows = static_cast<std::int64_t>(labels_ == Labels::regression ? targets_.size() : classes_read_.size());
    if (rows == 0)
      throw_usage(error_id::data_invalid,
                  path_.string() + " has a header and no rows; training and evaluation need at least one");
    if (expected_features && columns != expected_features)
      throw_usage(error_id::data_invalid,
                  path_.string() + " has " + std::to_string(columns) + " feature columns beside \"" + target_ +
                      "\", but model.layers starts with " + std::to_string(expected_features) + "; make the two agree");
    auto features = at::empty({rows, columns}, at::kFloat);
    std::copy(features_.begin(), features_.end(), features.data_ptr<float>());
    if (labels_ == Labels::regression) {
      auto labels = at::empty({rows, 1}, at::kFloat);
      std::copy(targets_.begin(), targets_.end(), labels.data_ptr<float>());
      return std::make_shared<TensorDataset>(features, labels);
    }
    auto labels = at::empty({rows}, at::kLong);
    std::copy(classes_read_.begin(), classes_read_.end(), labels.data_ptr<std::int64_t>());
    return std::make_shared<TensorDataset>(features, labels);
  }

 private:
  std::string at(std::size_t line) const { return path_.string() + " line " + std::to_string(line); }

  [[noreturn]] void ragged(std::size_t found, std::size_t number) const {
    throw_usage(error_id::data_invalid, at(number) + " has " + std::to_string(found) + " cells, but the header names " +
                                            std::to_string(names_.size()) + " columns; mend or remove the line");
  }

  void read_cell(std::string_view raw, std::size_t column, std::size_t number) {
    const std::string_view cell = trimmed(raw);
    if (column == target_index_ && labels_ == Labels::classification) return read_class(cell, number);
    // float(text) of Python, then float32: read as double first, so that both round alike.
    double value = 0;
    std::string_view digits = cell;
    if (!digits.empty() && digits.front() == '+') digits.remove_prefix(1);
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (ec == std::errc::invalid_argument || end != digits.data() + digits.size() || digits.empty())
      throw_usage(error_id::data_invalid, at(number) + ", column \"" + names_[column] + "\" is \"" + std::string(cell) +
                                              "\", expected a number; mend or remove the line");
    if (ec == std::errc::result_out_of_range) value = std::strtod(std::string(digits).c_str(), nullptr);
    if (column == target_index_)
      targets_.push_back(static_cast<float>(value));
    else
      features_.push_back(static_cast<float>(value));
  }

  void read_class(std::string_view cell, std::size_t number) {
    std::int64_t value = 0;
    const auto [end, ec] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    const bool whole = ec == std::errc{} && end == cell.data() + cell.size();
    // -100 is the label that cross_entropy ignores.
    if (!whole || ((value < 0 || (classes_ && value >= classes_)) && value != -100))
      throw_usage(error_id::data_invalid,
                  at(number) + ", column \"" + target_ + "\" is \"" + std::string(cell) +
                      "\", expected a class from 0 to " +
                      (classes_ ? std::to_string(classes_ - 1) : "the number of classes less one") +
                      "; mend the label, or widen the last of model.layers");
    classes_read_.push_back(value);
  }

  const std::filesystem::path& path_;
  const std::string& target_;
  Labels labels_;
  std::int64_t classes_;
  std::vector<std::string> names_;
  std::size_t target_index_ = 0;
  std::vector<float> features_, targets_;
  std::vector<std::int64_t> classes_read_;
};

}  // namespace

std::shared_ptr<TensorDataset> load_csv(const std::filesystem::path& path, const std::string& target, Labels labels,
                                        std::int64_t classes, std::int64_t features) {
  const std::string text = read_file(path);
  if (text.empty())
    throw_usage(error_id::data_invalid,
                path.string() + " is empty; expected a header line with the columns, then rows");
  Reader reader(path, target, labels, classes);
  std::size_t number = 0;
  for (std::size_t start = 0; start < text.size();) {
    auto end = text.find('\n', start);
    if (end == text.npos) end = text.size();
    std::string_view line(text.data() + start, end - start);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    start = end + 1;
    ++number;
    if (number == 1) {
      if (line.rfind("\xef\xbb\xbf", 0) == 0) line.remove_prefix(3);  // a byte-order mark
      reader.read_header(line);
    } else if (!line.empty()) {
      reader.read_row(line, number);
    }
  }
  return reader.finish(features);
}

}  // namespace trainer
