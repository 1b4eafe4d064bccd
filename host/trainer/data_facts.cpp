// SPDX-License-Identifier: Apache-2.0
#include "trainer/data_facts.hpp"

#include <ATen/ATen.h>

#include <filesystem>
#include <vector>

#include "base/sha256.hpp"
#include "trainer/column_dataset.hpp"
#include "trainer/dataset_split.hpp"
#include "trainer/error.hpp"
#include "trainer/json_lines_dataset.hpp"

namespace trainer {
namespace {

std::vector<at::Tensor> tensors_in_memory(const AnyDataset& dataset) {
  std::vector<at::Tensor> out;
  if (const auto* subset = dynamic_cast<const SubsetDataset*>(&dataset)) {
    out = tensors_in_memory(subset->dataset());
    if (!out.empty()) out.push_back(subset->rows());
  } else if (const auto* tensors = dynamic_cast<const TensorDataset*>(&dataset)) {
    for (const auto& [name, tensor] : tensors->columns()) out.push_back(tensor);
  } else if (const auto* columns = dynamic_cast<const ColumnDataset*>(&dataset)) {
    out = columns->in_memory();
  }
  return out;
}

std::string digest_of(const std::vector<at::Tensor>& tensors) {
  Sha256 digest;
  for (const at::Tensor& tensor : tensors) {
    const at::Tensor bytes = tensor.detach().cpu().contiguous();
    digest.add({static_cast<const char*>(bytes.const_data_ptr()), bytes.nbytes()});
  }
  return digest.hex();
}

void add_stream_facts(Facts& facts, const std::string& name, const JsonLinesDataset& stream, const Ranks& ranks) {
  if (stream.reads_once())
    throw_usage(error_id::data_invalid, stream.path().string() +
                                            " is a pipe, which gives each row to one reader, and each of the " +
                                            std::to_string(ranks.world) + " processes has to read all rows of " + name +
                                            "; write them to a file and name that, or start one process");
  std::error_code ec;
  const bool is_stdin = stream.path() == "-";
  const auto size = std::filesystem::file_size(is_stdin ? "/dev/stdin" : stream.path(), ec);
  if (!ec) facts.emplace_back("the number of bytes of " + name, std::to_string(size));
}

}  // namespace

void add_data_facts(Facts& facts, const std::string& name, const AnyDataset& dataset, const Ranks& ranks) {
  if (const auto* rows = dynamic_cast<const Dataset*>(&dataset))
    facts.emplace_back("the number of rows of " + name, std::to_string(rows->size()));
  for (const auto& [key, value] : dataset.description())
    facts.emplace_back("\"" + std::string(key) + "\" of " + name, json::dump(value));
  if (const auto tensors = tensors_in_memory(dataset); !tensors.empty())
    facts.emplace_back("the sha256 of " + name, digest_of(tensors));
  if (const auto* stream = dynamic_cast<const JsonLinesDataset*>(&dataset))
    add_stream_facts(facts, name, *stream, ranks);
}

}  // namespace trainer
