// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "trainer/csv_columns.hpp"
#include "trainer/dataset.hpp"

namespace trainer {

/// A CSV file in memory, with a line of names first: "features" [N, F] float32 and "labels". A mistake in it is a
/// usage Error that names file, line and column.
class CsvDataset : public TensorDataset {
 public:
  /// A training file. Its columns are features in the order in which they stand.
  CsvDataset(const std::filesystem::path& file, const CsvOptions& options);
  /// Another file of a model that knows `columns`: they are found by name, and those that it does not know are left
  /// out. Nothing: as a training file.
  CsvDataset(const std::filesystem::path& file, const CsvOptions& options, const std::optional<CsvColumns>& columns);

  /// For its model's other files.
  const CsvColumns& schema() const { return schema_; }
  json::object description() const override { return schema_.to_json(); }
  /// The cells of CsvOptions::id, a row each; none without that column.
  const std::vector<std::string>& ids() const { return ids_; }

 private:
  struct Contents {
    Batch batch;
    CsvColumns columns;
    std::vector<std::string> ids;
  };
  explicit CsvDataset(Contents contents);
  friend class CsvReader;

  CsvColumns schema_;
  std::vector<std::string> ids_;
};

/// The training file `path` with the other options at their defaults.
std::shared_ptr<CsvDataset> load_csv(const std::filesystem::path& path, const std::string& target, Labels labels,
                                     std::int64_t classes = 0, std::int64_t features = 0);

}  // namespace trainer
