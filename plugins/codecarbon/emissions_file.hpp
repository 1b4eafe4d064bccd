// SPDX-License-Identifier: Apache-2.0
//
// emissions.csv: CodeCarbon's columns, one row a training.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "power.hpp"

namespace trainer::codecarbon {

/// Column and text, in order.
using Row = std::vector<std::pair<std::string, std::string>>;

/// The 38 columns of CodeCarbon 3.3 in their order (EmissionsData in emissions_data.py).
const std::vector<std::string>& emissions_columns();

/// Appends `row`, which has all columns, to the CSV file, made when missing; the file is locked meanwhile, so that
/// each of several runs at once has its row. The file that was there stays as it is, or gets the whole row. When its
/// columns are others than the row's it is renamed to <file>.bak, <file>_0.bak, <file>_1.bak ... first; another order
/// of the same columns is kept. Throws std::runtime_error with one sentence.
void append_row(const std::filesystem::path& file, const Row& row, const Log& log);

/// Replaces the file at once, or makes it; one that is there keeps its mode. Throws std::runtime_error
/// with one sentence.
void write_file(const std::filesystem::path& file, std::string_view bytes);

/// The name under which a file is set aside: the first of those above that is free.
std::filesystem::path backup_path(const std::filesystem::path& file);

}  // namespace trainer::codecarbon
