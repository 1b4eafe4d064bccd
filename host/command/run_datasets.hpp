// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "command/prediction_table.hpp"
#include "trainer/column_dataset.hpp"
#include "trainer/csv_dataset.hpp"
#include "trainer/model.hpp"
#include "trainer/run_file.hpp"
#include "trainer/trainer_options.hpp"

namespace trainer::command {

/// The datasets that a run file names, those that its actions need.
class RunDatasets {
 public:
  explicit RunDatasets(const RunFile& run) : run_(run) {}
  /// `columns`: those of CSV files that the model learned from, if it did.
  void load(const std::vector<RunFile::Action>& actions, const Model& model, std::optional<CsvColumns> columns);

  const std::shared_ptr<AnyDataset>& train() const { return train_; }
  const EvalDatasets& eval() const { return eval_; }
  const std::shared_ptr<AnyDataset>& test() const { return test_; }
  const RowIds& test_ids() const { return test_ids_; }
  ClassNames classes() const;           ///< of the model's outputs; none for a regression
  ClassNames numbered_classes() const;  ///< where the data names none

 private:
  [[noreturn]] void refuse_missing(std::string_view what) const;
  std::shared_ptr<AnyDataset> open(const std::filesystem::path& path, std::string_view what, const Model& model);
  std::shared_ptr<ColumnDataset> open_columns(const std::filesystem::path& path, std::string_view what,
                                              const Model& model) const;
  /// [1, ...] of the first row, for a built-in model.
  void check_features(const at::Tensor& features, const std::filesystem::path& path) const;
  std::shared_ptr<AnyDataset> open_stream(const std::filesystem::path& path, std::string_view what,
                                          const Model& model) const;
  std::shared_ptr<CsvDataset> open_csv(const std::filesystem::path& path, std::string_view what) const;
  RowIds row_ids(const std::filesystem::path& path, const AnyDataset& data) const;
  void load_split(bool train, const Model& model);

  const RunFile& run_;
  std::optional<CsvColumns> columns_;  // of the model, from its training
  std::shared_ptr<AnyDataset> train_, test_;
  RowIds test_ids_;
  EvalDatasets eval_;
};

}  // namespace trainer::command
