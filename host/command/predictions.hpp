// SPDX-License-Identifier: Apache-2.0
//
// What `predict` writes.
#pragma once

#include "command/prediction_table.hpp"
#include "trainer/files.hpp"
#include "trainer/run_file.hpp"

namespace trainer::command {

/// `classes` are those of the data; `probabilities` what the option was given ("true" without a value, empty without
/// the option). An Error when the run's loss does not go with it.
Outputs outputs_of(const RunFile& run, const ClassNames& classes, const Model& model, const std::string& probabilities);

/// An Error for a name that is none of a file that can be written, and for a CSV file of predictions that have more
/// dimensions than it, by the first batch of `test`; no pipe is read.
void check_output(const std::filesystem::path& output, Trainer& trainer, const std::shared_ptr<AnyDataset>& test);

/// An Error for ids that a file of this name cannot have.
void check_ids(const std::filesystem::path& output, const RowIds& ids);

/// A safetensors file where the name says so, else CSV: a column, or a tensor, of each thing.
void write_predictions(const ResultFile& file, const PredictionOutput& result, const Outputs& outputs,
                       const RowIds& ids);

}  // namespace trainer::command
