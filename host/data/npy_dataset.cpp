// SPDX-License-Identifier: Apache-2.0
#include "trainer/npy_dataset.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>

#include "data/column_source.hpp"
#include "formats/booleans.hpp"
#include "formats/file_reader.hpp"
#include "formats/npy_header.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

constexpr std::array<at::ScalarType, npy::types.size()> scalar_types{
    at::kBool, at::kByte, at::kChar, at::kShort, at::kInt, at::kLong, at::kHalf, at::kFloat, at::kDouble};

// Of the folder's `.npy` files, in the order of their names; hidden ones are a system's own.
std::vector<std::string> arrays_of(const std::filesystem::path& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const auto& file = at->path();
    if (file.extension() == ".npy" && file.filename().string()[0] != '.') out.push_back(file.stem().string());
  }
  if (error)
    throw_run(error_id::file_read_failed,
              folder.string() + ": cannot read the folder (" + error.message() + "); check the path");
  if (out.empty())
    throw_usage(error_id::data_invalid, folder.string() + " is a folder without .npy files, expected one a column, " +
                                            "such as input_ids.npy; write them with numpy.save()");
  std::sort(out.begin(), out.end());
  return out;
}

class NpyColumns final : public ColumnSource {
 public:
  explicit NpyColumns(const std::filesystem::path& folder)
      : ColumnSource(folder.string(), arrays_of(folder)), folder_(folder), arrays_(columns().size()) {}

  Column open(std::size_t column) override {
    auto& [file, header] = arrays_[column];
    if (!file) {
      file = std::make_unique<FileReader>(folder_ / (columns()[column] + ".npy"), of_data);
      const auto bytes = [&, size = file->size()](std::uint64_t count) { return file->read(0, std::min(count, size)); };
      const auto end = npy::header_end(bytes(npy::start_size), file->size(), file->name());
      header = npy::read_header(bytes(end), file->size(), file->name());
    }
    return {scalar_types[header.type], header.shape};
  }

  void read_rows(std::size_t column, std::int64_t first, at::Tensor& to) const override {
    const auto& [file, header] = arrays_[column];
    const std::uint64_t bytes = to.nbytes();
    if (bytes == 0) return;
    file->read(header.begin + bytes / static_cast<std::uint64_t>(to.size(0)) * static_cast<std::uint64_t>(first),
               to.mutable_data_ptr(), bytes);
    if (has_bytes_above_1(to)) file->role().fail(file->name() + ": found a byte above 1, expected booleans");
  }

 private:
  struct Array {
    std::unique_ptr<FileReader> file;
    npy::Header header;
  };

  std::filesystem::path folder_;
  std::vector<Array> arrays_;
};

}  // namespace

NpyDataset::NpyDataset(const std::filesystem::path& folder, const std::vector<std::string>& columns,
                       std::uint64_t in_memory)
    : ColumnDataset(std::make_unique<NpyColumns>(folder), columns, in_memory) {}

}  // namespace trainer
