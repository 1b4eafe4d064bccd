// SPDX-License-Identifier: Apache-2.0
#include "trainer/safetensors_dataset.hpp"

#include "data/column_source.hpp"
#include "formats/safetensors_file.hpp"

namespace trainer {
namespace {

std::vector<std::string> names_of(const SafetensorsFile& file) {
  std::vector<std::string> out;
  for (const auto& entry : file.entries()) out.push_back(entry.name);
  return out;
}

class SafetensorsColumns final : public ColumnSource {
 public:
  explicit SafetensorsColumns(std::unique_ptr<SafetensorsFile> file)
      : ColumnSource(file->name(), names_of(*file)), file_(std::move(file)) {}

  Column open(std::size_t column) override {
    const auto& entry = file_->entries()[column];
    return {safetensors::scalar_types[entry.type], entry.shape};
  }
  void read_rows(std::size_t column, std::int64_t first, at::Tensor& to) const override {
    file_->read_rows(file_->entries()[column], first, to);
  }

 private:
  std::unique_ptr<SafetensorsFile> file_;
};

}  // namespace

SafetensorsDataset::SafetensorsDataset(const std::filesystem::path& file, const std::vector<std::string>& columns,
                                       std::uint64_t in_memory)
    : ColumnDataset(std::make_unique<SafetensorsColumns>(std::make_unique<SafetensorsFile>(file, of_data)), columns,
                    in_memory) {}

}  // namespace trainer
