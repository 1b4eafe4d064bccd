// SPDX-License-Identifier: Apache-2.0
//
// Appends a row to emissions.csv, and sets a file with other columns aside.
#include "emissions_file.hpp"

#include <trainer/host.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <stdexcept>

#include "shared/csv_text/csv_text.hpp"
#include "shared/system/files.hpp"
#include "shared/system/random_id.hpp"
#include "text.hpp"
#include "trainer/sdk/file.hpp"

namespace trainer::codecarbon {
namespace {

namespace fs = std::filesystem;

/// For another run that writes its row.
constexpr std::chrono::seconds longest_wait{20};

/// Field names of the first line, without a byte order mark.
std::vector<std::string> header_of(std::string_view bytes) {
  std::string_view line = bytes.substr(0, bytes.find('\n'));
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (starts_with(line, "\xEF\xBB\xBF")) line.remove_prefix(3);
  return plugins::csv_text::split_row(line);
}

bool same_names(std::vector<std::string> a, std::vector<std::string> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

/// The row's values under `columns`, as one line.
std::string line_of(const std::vector<std::string>& columns, const Row& row) {
  std::string line;
  for (const std::string& column : columns) {
    const auto field = std::find_if(row.begin(), row.end(), [&](const auto& entry) { return entry.first == column; });
    if (&column != &columns.front()) line += ',';
    if (!field->second.empty()) plugins::csv_text::append_text_cell(line, field->second);
  }
  return line + '\n';
}

bool is_full(int code) {
#if defined(EDQUOT)
  if (code == EDQUOT) return true;
#endif
  return code == ENOSPC;
}

[[noreturn]] void throw_unwritten(const fs::path& file, int code) {
  throw std::runtime_error(sdk::text_of(file) + " could not be written: " + std::generic_category().message(code) +
                           (is_full(code)
                                ? "; free some space, or set the output_dir of codecarbon to another disk"
                                : "; check the directory and its permissions, or set the output_dir of codecarbon"));
}

}  // namespace

const std::vector<std::string>& emissions_columns() {
  static const std::vector<std::string> columns = {"timestamp",
                                                   "project_name",
                                                   "run_id",
                                                   "experiment_id",
                                                   "duration",
                                                   "emissions",
                                                   "emissions_rate",
                                                   "cpu_power",
                                                   "gpu_power",
                                                   "ram_power",
                                                   "cpu_energy",
                                                   "gpu_energy",
                                                   "ram_energy",
                                                   "energy_consumed",
                                                   "water_consumed",
                                                   "country_name",
                                                   "country_iso_code",
                                                   "region",
                                                   "cloud_provider",
                                                   "cloud_region",
                                                   "os",
                                                   "python_version",
                                                   "codecarbon_version",
                                                   "cpu_count",
                                                   "cpu_model",
                                                   "gpu_count",
                                                   "gpu_model",
                                                   "longitude",
                                                   "latitude",
                                                   "ram_total_size",
                                                   "tracking_mode",
                                                   "cpu_utilization_percent",
                                                   "gpu_utilization_percent",
                                                   "ram_utilization_percent",
                                                   "ram_used_gb",
                                                   "on_cloud",
                                                   "pue",
                                                   "wue"};
  return columns;
}

void write_file(const fs::path& file, std::string_view bytes) try {
  std::error_code missing;
  const fs::path real = fs::canonical(file, missing);  // a link stays one
  // Trainings at the same time may share it, and containers their process numbers.
  sdk::replace_file(missing ? file : real, bytes, ".tmp" + plugins::random_hex(8));
} catch (const sdk::FileError& error) {
  throw_unwritten(file, error.code());
}

fs::path backup_path(const fs::path& file) {
  fs::path backup = file;
  backup += ".bak";
  for (int i = 0; fs::exists(backup); ++i) {
    backup = file;
    backup += "_" + std::to_string(i) + ".bak";
  }
  return backup;
}

namespace {

/// A file with other columns goes, under a new name.
void set_aside(const fs::path& file, const Log& log) {
  std::error_code error;
  const fs::path backup = backup_path(file);
  fs::rename(file, backup, error);
  if (error)
    throw std::runtime_error(sdk::text_of(file) +
                             " has other columns than CodeCarbon 3.3's and could not be renamed to " +
                             sdk::text_of(backup) + ": " + error.message() + "; move it away, or set the output_file");
  if (log)
    log(TRAINER_LOG_WARNING, sdk::text_of(file) + " has other columns than CodeCarbon 3.3's; it is " +
                                 sdk::text_of(backup) + " now, and a new file was begun");
}

/// Whether the row is in the file; else the file was set aside, and another one is to be begun.
bool append_locked(const fs::path& file, const Row& row, const Log& log) {
  std::vector<std::string> columns;
  for (const auto& entry : row) columns.push_back(entry.first);

  std::error_code error;
  const std::string bytes = plugins::read_file(file, error).value_or(std::string());
  if (error && error != std::errc::no_such_file_or_directory)
    throw std::runtime_error(sdk::text_of(file) + " could not be read: " + error.message() +
                             "; expected a CSV file that can be read and written, or none; rename "
                             "it, or set the output_file of codecarbon");
  std::string added;
  if (bytes.empty()) {
    for (const std::string& column : columns) added += (added.empty() ? "" : ",") + column;
    added += '\n';
  } else {
    const std::vector<std::string> header = header_of(bytes);
    if (!same_names(header, columns)) {
      set_aside(file, log);
      return false;
    }
    columns = header;
    if (bytes.back() != '\n') added = '\n';
  }
  sdk::AppendFile out = sdk::AppendFile::open(file);
  out.append(added + line_of(columns, row));
  out.sync();
  return true;
}

}  // namespace

void append_row(const fs::path& file, const Row& row, const Log& log) try {
  for (bool done = false; !done;) {
    const plugins::FileLock lock = plugins::FileLock::wait(file, longest_wait);
    done = append_locked(file, row, log);
  }
} catch (const sdk::FileError& error) {
  throw_unwritten(file, error.code());
}

}  // namespace trainer::codecarbon
