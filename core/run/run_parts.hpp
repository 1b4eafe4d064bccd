// SPDX-License-Identifier: Apache-2.0
//
// The sections of a run file that have readers of their own. Paths become absolute by `base`, the folder of the file.
#pragma once

#include "run/run_section.hpp"
#include "trainer/run_file.hpp"

namespace trainer {

RunFile::Model read_run_model(const RunSection& model, const std::filesystem::path& base);
RunFile::Data read_run_data(const RunSection& data, const std::filesystem::path& base);

/// `loss` of the whole file, checked against the model, which is read already; and `metrics`, checked against both.
void read_run_loss(const RunSection& root, RunFile& run);
void read_run_metrics(const RunSection& root, RunFile& run);

}  // namespace trainer
