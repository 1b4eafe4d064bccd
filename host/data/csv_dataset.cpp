// SPDX-License-Identifier: Apache-2.0
#include "trainer/csv_dataset.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "data/cell_number.hpp"
#include "data/csv_header.hpp"
#include "data/csv_labels.hpp"
#include "data/csv_text.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

using Missing = CsvOptions::Missing;

}  // namespace

class CsvReader {
 public:
  CsvReader(const std::filesystem::path& path, const CsvOptions& options, const std::optional<CsvColumns>& known)
      : options_(options), text_(path, options.separator), labels_(text_, options_) {
    text_.next();
    if (known) columns_ = *known;
    const bool by_name = !columns_.features.empty();
    header_ = read_header(text_, options_, by_name ? &columns_ : nullptr);
    columns_.features = header_.features;
    if (columns_.missing.empty() && options_.missing == Missing::number)
      columns_.missing.assign(header_.features.size(), options_.missing_number);
    find_means_ = !by_name && options_.missing == Missing::mean;
    sums_.assign(find_means_ ? header_.features.size() : 0, {});
    const auto found = static_cast<std::int64_t>(header_.features.size());
    if (!by_name && options_.features && found != options_.features)
      throw_usage(error_id::data_invalid, path.string() + " has " + std::to_string(found) +
                                              " feature columns beside the target, but the model takes " +
                                              std::to_string(options_.features) +
                                              "; make the two agree, or leave columns out with data.drop");
  }

  CsvDataset::Contents read() {
    while (text_.next()) read_row();
    if (rows_ == 0)
      throw_usage(error_id::data_invalid,
                  text_.path().string() + " has a header and no rows; training and evaluation need at least one");
    if (find_means_) take_means();
    const auto width = header_.features.size();
    auto features = at::empty({rows_, static_cast<std::int64_t>(width)}, at::kFloat);
    float* out = features.data_ptr<float>();
    for (std::size_t i = 0; i < features_.size(); ++i)
      out[i] = std::isnan(features_[i]) ? static_cast<float>(columns_.missing[i % width]) : features_[i];
    Batch batch{{"features", features}};
    if (header_.labelled && tried([&] { labels_tensor_ = labels_.finish(columns_.classes); }))
      batch.set("labels", labels_tensor_);
    return {std::move(batch), std::move(columns_), std::move(ids_)};
  }

 private:
  void read_row() {
    const auto& cells = text_.cells();
    text_.require_cells(header_.names.size());
    ++rows_;
    if (header_.labelled) labels_.begin_row();
    const std::size_t row = features_.size();
    features_.resize(row + header_.features.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const int role = header_.roles[i];
      if (role >= 0)
        features_[row + static_cast<std::size_t>(role)] = feature(cells[i], i, static_cast<std::size_t>(role));
      else if (role == CsvHeader::id)
        ids_.emplace_back(cells[i]);
      else if (role <= CsvHeader::target && header_.labelled)
        tried([&] {
          if (options_.labels == Labels::regression) refuse_point(cells[i], i);
          labels_.add(plain(cells[i]), static_cast<std::size_t>(CsvHeader::target - role));
        });
    }
  }

  // Labels that may be missing are left out when one of them cannot be read.
  template <typename F>
  bool tried(F&& read) {
    if (!options_.labels_optional) return read(), true;
    try {
      read();
      return true;
    } catch (const Error& e) {
      log::warning(e.sentence() + "; the labels of this file are left out");
      return header_.labelled = false;
    }
  }

  // A number has a decimal point from here on.
  std::string_view plain(std::string_view cell) {
    if (options_.decimal != ',') return cell;
    if (auto number = with_point(cell)) return decimal_ = std::move(*number);
    return cell;
  }

  // "1.500" is 1500 where the decimal mark is a comma, and nobody knows which was meant.
  void refuse_point(std::string_view cell, std::size_t column) {
    if (options_.decimal == ',' && cell.find('.') != cell.npos) refuse_text(cell, column);
  }

  float feature(std::string_view cell, std::size_t column, std::size_t number) {
    const auto value = cell_number(plain(cell));
    if (value ? !std::isfinite(*value) : is_missing(cell)) {
      if (columns_.missing.empty() && !find_means_) refuse_missing(cell, column);
      return std::numeric_limits<float>::quiet_NaN();
    }
    if (!value) refuse_text(cell, column);
    refuse_point(cell, column);
    const auto out = static_cast<float>(*value);
    if (!std::isfinite(out)) refuse(cell, column, "expected a number that fits into 32 bits", "; scale the column");
    if (find_means_) sums_[number].first += *value, ++sums_[number].second;
    return out;
  }

  [[noreturn]] void refuse_missing(std::string_view cell, std::size_t column) const {
    refuse(cell, column, "expected a number",
           options_.missing == Missing::mean
               ? "; correct or remove the line: the model was trained without data.missing, so it keeps no means"
               : "; correct or remove the line, or set data.missing to a number or \"mean\" and train with that");
  }

  [[noreturn]] void refuse_text(std::string_view cell, std::size_t column) const {
    if (options_.decimal == '.' && with_point(cell))
      refuse(cell, column, "expected a number with a decimal point", "; set data.decimal to \",\"");
    refuse(cell, column, options_.decimal == ',' ? "expected a number with a decimal comma" : "expected a number",
           "; correct or remove the line, or leave the column out with data.drop");
  }

  [[noreturn]] void refuse(std::string_view cell, std::size_t column, const std::string& expected,
                           const std::string& remedy) const {
    throw_usage(error_id::data_invalid, text_.at() + ", column " + shown(header_.names[column]) + " is " + shown(cell) +
                                            ", " + expected + remedy);
  }

  void take_means() {
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      if (sums_[i].second == 0)
        throw_usage(error_id::data_invalid, text_.path().string() + " has no value in column " +
                                                shown(header_.features[i]) +
                                                ", so there is no mean for data.missing; leave it out with data.drop");
      columns_.missing.push_back(sums_[i].first / static_cast<double>(sums_[i].second));
    }
  }

  const CsvOptions& options_;
  CsvText text_;
  CsvLabels labels_;
  CsvHeader header_;
  CsvColumns columns_;
  bool find_means_ = false;
  std::vector<std::pair<double, std::int64_t>> sums_;  // of a feature's values, and how many there are
  std::int64_t rows_ = 0;
  std::vector<float> features_;  // NaN where the cell is missing
  at::Tensor labels_tensor_;
  std::vector<std::string> ids_;
  std::string decimal_;
};

CsvDataset::CsvDataset(const std::filesystem::path& file, const CsvOptions& options)
    : CsvDataset(file, options, std::nullopt) {}

CsvDataset::CsvDataset(const std::filesystem::path& file, const CsvOptions& options,
                       const std::optional<CsvColumns>& columns)
    : CsvDataset(CsvReader(file, options, columns).read()) {}

CsvDataset::CsvDataset(Contents contents)
    : TensorDataset(std::move(contents.batch)), schema_(std::move(contents.columns)), ids_(std::move(contents.ids)) {}

std::shared_ptr<CsvDataset> load_csv(const std::filesystem::path& path, const std::string& target, Labels labels,
                                     std::int64_t classes, std::int64_t features) {
  return std::make_shared<CsvDataset>(
      path, CsvOptions{.target = target, .labels = labels, .classes = classes, .features = features});
}

}  // namespace trainer
