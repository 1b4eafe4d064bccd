// SPDX-License-Identifier: Apache-2.0
#include "trainer/data_facts.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/scratch_directory.hpp"
#include "trainer/dataset_split.hpp"
#include "trainer/safetensors.hpp"
#include "trainer/safetensors_dataset.hpp"

namespace trainer {
namespace {

std::string digest_in(const AnyDataset& dataset) {
  Facts facts;
  add_data_facts(facts, "the data", dataset, Ranks());
  for (const auto& [name, value] : facts)
    if (name == "the sha256 of the data") return value;
  return "none";
}

TEST(DataFacts, RowsInMemoryHaveTheDigestOfTheirContents) {
  const at::Tensor labels = at::arange(6), other = labels.clone().index_fill_(0, at::tensor({3}, at::kLong), 0);
  const auto set = [&](const at::Tensor& of) { return std::make_shared<TensorDataset>(at::ones({6, 2}), of); };
  EXPECT_EQ(digest_in(*set(labels)), digest_in(*set(labels)));
  EXPECT_NE(digest_in(*set(labels)), digest_in(*set(other)));
  const auto part = [&](const at::Tensor& of) { return SubsetDataset(set(of), at::tensor({0, 1}, at::kLong)); };
  EXPECT_EQ(digest_in(part(labels)), digest_in(part(labels)));
  EXPECT_NE(digest_in(part(labels)), digest_in(part(other)));
  EXPECT_NE(digest_in(part(labels)), digest_in(SubsetDataset(set(labels), at::tensor({0, 2}, at::kLong))));
}

TEST(DataFacts, ColumnsOfAFileOnlyWhereTheyAreRead) {
  const test::ScratchDirectory scratch;
  const auto file = scratch / "rows.safetensors";
  save_safetensors(file, {{"labels", at::arange(6)}});
  EXPECT_EQ(digest_in(SafetensorsDataset(file)).size(), 64u);
  EXPECT_EQ(digest_in(SafetensorsDataset(file, {}, 0)), "none");
}

}  // namespace
}  // namespace trainer
