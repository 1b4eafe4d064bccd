// SPDX-License-Identifier: Apache-2.0
#include "trainer/safetensors_dataset.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/safetensors_file.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/error.hpp"
#include "trainer/safetensors.hpp"

namespace trainer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

NamedTensors columns() {
  return {{"input_ids", at::arange(12).reshape({6, 2})},
          {"labels", at::arange(6)},
          {"mask", at::arange(6).remainder(2).to(at::kBool)},
          {"scale", at::arange(6, at::kFloat) / 3}};
}

template <typename F>
std::string dataset_error(const NamedTensors& tensors, F&& use) {
  const test::ScratchDirectory scratch;
  save_safetensors(scratch / "data.safetensors", tensors);
  try {
    use(SafetensorsDataset(scratch / "data.safetensors"));
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(SafetensorsDataset, GivesRowsOfItsColumns) {
  const test::ScratchDirectory scratch;
  save_safetensors(scratch / "data.safetensors", columns());
  const auto rows = at::tensor({4, 0, 1, 2, 5}, at::kLong);
  for (const std::uint64_t in_memory : {std::uint64_t{0}, SafetensorsDataset::default_in_memory}) {
    const std::vector<std::string> names{"labels", "attention_mask", "input_ids", "mask"};
    const SafetensorsDataset set(scratch / "data.safetensors", names, in_memory);
    EXPECT_EQ(set.size(), 6);
    EXPECT_THAT(set.columns(), ElementsAre("labels", "input_ids", "mask"));
    EXPECT_THAT(set.left_out(), ElementsAre("scale"));
    const Batch batch = set.get_batch(rows);
    for (const auto& [name, column] : columns())
      EXPECT_EQ(batch[name].defined() && at::equal(batch[name], column.index_select(0, rows)), name != "scale") << name;
  }
  EXPECT_THAT(SafetensorsDataset(scratch / "data.safetensors").columns(),
              UnorderedElementsAre("input_ids", "labels", "mask", "scale"));
}

// As a file that is too large for memory is read.
TEST(SafetensorsDataset, ReadsRowsFromTheFile) {
  const test::ScratchDirectory scratch;
  save_safetensors(scratch / "data.safetensors", columns());
  const SafetensorsFile file(scratch / "data.safetensors");
  for (const auto& [name, all] : columns())
    for (const auto& entry : file.entries()) {
      if (entry.name != name) continue;
      auto sizes = all.sizes().vec();
      sizes[0] = 3;
      at::Tensor rows = file.make(entry, sizes);
      file.read_rows(entry, 2, rows);
      EXPECT_TRUE(at::equal(rows, all.slice(0, 2, 5))) << name;
      for (const std::int64_t first : {-1, 4}) EXPECT_THROW(file.read_rows(entry, first, rows), Error);
    }
}

TEST(SafetensorsDataset, RefusesWhatHasNoRows) {
  const auto nothing = [](const SafetensorsDataset&) {};
  EXPECT_THAT(dataset_error({{"a", at::zeros({2})}, {"b", at::zeros({3, 1})}}, nothing),
              testing::AllOf(HasSubstr("[data.invalid]"), HasSubstr("give columns with the rows first")));
  EXPECT_THAT(dataset_error({{"a", at::zeros({})}}, nothing), HasSubstr("the column \"a\" is []"));
  EXPECT_THAT(dataset_error({{"a", at::zeros({0, 2})}}, nothing), HasSubstr("has no rows"));
  EXPECT_THAT(dataset_error({}, nothing), HasSubstr("has no rows for this model"));
}

}  // namespace
}  // namespace trainer
