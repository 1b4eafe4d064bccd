// SPDX-License-Identifier: Apache-2.0
#include "trainer/safetensors_dataset.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "formats/safetensors_file.hpp"
#include "support/error_of.hpp"
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
    for (const std::int64_t row : {-1, 6})
      EXPECT_THAT(test::error_of([&] { set.get_batch(at::tensor({row}, at::kLong)); }),
                  HasSubstr("the column \"labels\" has 6 rows, and row " + std::to_string(row) + " was asked for"));
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
      at::Tensor rows = at::empty(sizes, all.options());
      file.read_rows(entry, 2, rows);
      EXPECT_TRUE(at::equal(rows, all.slice(0, 2, 5))) << name;
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

NamedTensors ragged_columns() {
  return {{"input_ids", at::arange(7)},
          {"input_ids.offsets", at::tensor({0, 3, 3, 7}, at::kLong)},
          {"labels", at::arange(3)},
          {"length", at::tensor({5, 6, 7}, at::kInt)},
          {"spans", at::arange(8).to(at::kShort).reshape({4, 2})},
          {"spans.offsets", at::tensor({0, 1, 2, 4}, at::kLong)}};
}

TEST(SafetensorsDataset, GivesRowsOfSeveralLengths) {
  const test::ScratchDirectory scratch;
  save_safetensors(scratch / "data.safetensors", ragged_columns());
  const auto indices = at::tensor({2, 0, 1, 2}, at::kLong);
  for (const std::uint64_t in_memory : {std::uint64_t{0}, SafetensorsDataset::default_in_memory}) {
    const SafetensorsDataset set(scratch / "data.safetensors", {"labels", "input_ids", "spans"}, in_memory);
    EXPECT_EQ(set.size(), 3);
    EXPECT_THAT(set.columns(), ElementsAre("labels", "input_ids", "spans"));
    EXPECT_THAT(set.ragged(), ElementsAre("input_ids", "spans"));
    EXPECT_THAT(set.left_out(), ElementsAre("length"));
    const auto rows = set.get_rows(indices);
    ASSERT_EQ(rows.size(), 4u);
    for (const std::size_t i : {0, 3}) {
      EXPECT_TRUE(at::equal(rows[i]["input_ids"], at::arange(3, 7)));
      EXPECT_TRUE(at::equal(rows[i]["spans"], at::tensor({4, 5, 6, 7}, at::kShort).reshape({2, 2})));
    }
    EXPECT_TRUE(at::equal(rows[1]["input_ids"], at::arange(3)));
    EXPECT_EQ(rows[2]["input_ids"].sizes(), at::IntArrayRef({0}));
    EXPECT_EQ(rows[2]["labels"].item<std::int64_t>(), 1);
    EXPECT_EQ(set.get_batch(at::tensor({2, 2}, at::kLong))["input_ids"].sizes(), at::IntArrayRef({2, 4}));
    EXPECT_THAT(test::error_of([&] { set.get_batch(indices); }), HasSubstr("pad the column"));
    const SafetensorsDataset spans(scratch / "data.safetensors", {"spans"}, in_memory);
    for (const std::int64_t row : {-1, 3})
      EXPECT_THAT(test::error_of([&] { spans.get_rows(at::tensor({row}, at::kLong)); }),
                  HasSubstr("has 3 rows, and row"));
    for (const auto& [column, expected] : {std::pair("length", at::tensor({5, 6, 7}, at::kLong)),
                                           {"not_there", at::tensor({3, 0, 4}, at::kLong)},
                                           {"spans", at::tensor({1, 1, 2}, at::kLong)}})
      EXPECT_TRUE(at::equal(set.lengths(column), expected)) << column;
  }
}

TEST(SafetensorsDataset, LengthsOfWhatIsInMemoryAreNotReadAgain) {
  const test::ScratchDirectory scratch;
  save_safetensors(scratch / "data.safetensors", ragged_columns());
  const SafetensorsDataset set(scratch / "data.safetensors");
  std::filesystem::resize_file(scratch / "data.safetensors", 0);
  EXPECT_TRUE(at::equal(set.lengths("length"), at::tensor({5, 6, 7}, at::kLong)));
  EXPECT_TRUE(at::equal(set.lengths("input_ids"), at::tensor({3, 0, 4}, at::kLong)));
}

TEST(SafetensorsDataset, LengthsComeFromColumnsThatHaveThem) {
  const auto lengths = [](const SafetensorsDataset& set) { set.lengths("length"); };
  const at::Tensor labels = at::arange(3);
  EXPECT_EQ(dataset_error({{"input_ids", at::zeros({3, 4})}, {"labels", labels}}, lengths), "no error");
  for (const NamedTensors& without :
       {NamedTensors{{"labels", labels}}, {{"input_ids", labels}}, {{"length", at::ones({3})}}})
    EXPECT_THAT(dataset_error(without, lengths), HasSubstr("name one in length_column_name"));
}

TEST(SafetensorsDataset, RefusesOffsetsThatDoNotFit) {
  const auto nothing = [](const SafetensorsDataset&) {};
  const auto refused = [&](const at::Tensor& offsets, const std::string& found) {
    auto columns = ragged_columns();
    columns[1].second = offsets;
    EXPECT_THAT(dataset_error(columns, nothing),
                testing::AllOf(HasSubstr("data.safetensors: the column \"input_ids.offsets\" " + found),
                               HasSubstr("[data.invalid]"), HasSubstr("as libtrainer.save_dataset() does")));
  };
  refused(at::tensor({0, 3, 3, 7}, at::kInt), "is [4] Int, expected int64 [rows + 1]");
  refused(at::zeros({2, 2}, at::kLong), "is [2, 2] Long, expected");
  refused(at::zeros({0}, at::kLong), "is [0] Long, expected");
  refused(at::tensor({1, 3, 3, 7}, at::kLong), "begins with 1, expected 0");
  refused(at::tensor({0, 3, 2, 7}, at::kLong), "falls from 3 to 2 at row 1, expected");
  refused(at::tensor({0, 3, 3, 6}, at::kLong), "ends with 6, expected the 7 values");
  refused(at::tensor({0, 3, 3, 8}, at::kLong), "ends with 8, expected the 7 values");
  auto columns = ragged_columns();
  columns[1].second = at::tensor({0, 7}, at::kLong);
  EXPECT_THAT(
      dataset_error(columns, nothing),
      HasSubstr("the column \"labels\" is [3], but \"input_ids\" has 1 rows; give columns with the rows first"));
  columns = ragged_columns();
  columns[0].second = at::ones({}, at::kLong);
  EXPECT_THAT(dataset_error(columns, nothing), HasSubstr("the column \"input_ids\" is [], a single number"));
}

TEST(SafetensorsDataset, ADamagedFileIsOneOfData) {
  const test::ScratchDirectory scratch;
  save_safetensors(scratch / "data.safetensors", columns());
  const std::string whole = test::contents(scratch / "data.safetensors");
  for (const std::size_t size : {std::size_t{3}, std::size_t{40}, whole.size() - 1}) {
    test::write(scratch / "data.safetensors", whole.substr(0, size));
    EXPECT_THAT(test::error_of([&] { SafetensorsDataset(scratch / "data.safetensors"); }),
                HasSubstr("so use another copy or write it again [data.invalid]"))
        << size;
  }
}

}  // namespace
}  // namespace trainer
