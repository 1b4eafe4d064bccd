// SPDX-License-Identifier: Apache-2.0
//
// Folders of `.npy` files; tests/python/data_sources_test.py has those that NumPy writes.
#include "trainer/npy_dataset.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_of.hpp"
#include "support/scratch_directory.hpp"

namespace trainer {
namespace {

using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

void save(const std::filesystem::path& file, const std::string& descr, const at::Tensor& values) {
  std::string shape;
  for (const auto size : values.sizes()) shape += std::to_string(size) + ",";
  const std::string dict = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + shape + ")}\n";
  const at::Tensor numbers = values.contiguous();
  test::write(file, std::string("\x93NUMPY\1\0", 8) + static_cast<char>(dict.size()) + '\0' + dict +
                        std::string(static_cast<const char*>(numbers.const_data_ptr()), numbers.nbytes()));
}

struct NpyDatasetTest : testing::Test {
  NpyDatasetTest() {
    save(scratch / "labels.npy", "<i8", labels);
    save(scratch / "input_ids.npy", "<i2", ids);
    save(scratch / "mask.npy", "|b1", mask);
    test::write(scratch / "text.npy", "no array of numbers");
    test::write(scratch / "readme.txt", "");
    test::write(scratch / "._labels.npy", "of another system");
  }
  test::ScratchDirectory scratch;
  at::Tensor labels = at::arange(6), ids = at::arange(12).reshape({6, 2}).to(at::kShort),
             mask = at::arange(6).remainder(2).to(at::kBool);
};

TEST_F(NpyDatasetTest, AFileIsAColumn) {
  const auto rows = at::tensor({4, 0, 1, 2, 5}, at::kLong);
  for (const std::uint64_t in_memory : {std::uint64_t{0}, NpyDataset::default_in_memory}) {
    const std::vector<std::string> names{"labels", "attention_mask", "input_ids", "mask"};
    const NpyDataset set(scratch.path(), names, in_memory);
    EXPECT_EQ(set.size(), 6);
    EXPECT_THAT(set.columns(), ElementsAre("labels", "input_ids", "mask"));
    EXPECT_THAT(set.left_out(), ElementsAre("text")) << "and it was not opened";
    const Batch batch = set.get_batch(rows);
    EXPECT_TRUE(at::equal(batch["labels"], labels.index_select(0, rows)));
    EXPECT_TRUE(at::equal(batch["input_ids"], ids.index_select(0, rows)));
    EXPECT_TRUE(at::equal(batch["mask"], mask.index_select(0, rows)));
  }
}

TEST_F(NpyDatasetTest, WhatIsWrongIsSaidWithTheFile) {
  const auto opened = [&](const std::vector<std::string>& columns) {
    return error_of([&] { NpyDataset(scratch.path(), columns); });
  };
  EXPECT_THAT(opened({}), HasSubstr((scratch / "text.npy").string() + " does not begin as an array of NumPy"));
  save(scratch / "labels.npy", "<i8", at::arange(5));
  EXPECT_THAT(opened({"input_ids", "labels"}), HasSubstr("the column \"labels\" is [5], but \"input_ids\" has 6 rows"));
  save(scratch / "mask.npy", "|b1", at::full({6}, 2, at::kByte));
  EXPECT_THAT(opened({"mask"}), HasSubstr("found a byte above 1, expected booleans"));
  EXPECT_THAT(opened({"other"}), HasSubstr("has no rows for this model"));
  const test::ScratchDirectory empty;
  EXPECT_THAT(error_of([&] { NpyDataset{empty.path()}; }), HasSubstr("is a folder without .npy files"));
  EXPECT_THAT(error_of([&] { NpyDataset{empty / "none"}; }), HasSubstr("[file.read-failed]"));
}

TEST_F(NpyDatasetTest, AFileThatIsCutShortLaterIsAnError) {
  const NpyDataset set(scratch.path(), {"input_ids"}, 0);
  std::filesystem::resize_file(scratch / "input_ids.npy", std::filesystem::file_size(scratch / "input_ids.npy") - 1);
  EXPECT_THAT(error_of([&] { set.get_batch(at::tensor({5}, at::kLong)); }),
              testing::AllOf(HasSubstr("found no more bytes"), HasSubstr("[data.invalid]")));
}

}  // namespace
}  // namespace trainer
