// SPDX-License-Identifier: Apache-2.0
#include "trainer/data_facts.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/scratch_directory.hpp"
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

TEST(DataFacts, ColumnsOfAFileOnlyWhereTheyAreRead) {
  const test::ScratchDirectory scratch;
  const auto file = scratch / "rows.safetensors";
  save_safetensors(file, {{"labels", at::arange(6)}});
  EXPECT_EQ(digest_in(SafetensorsDataset(file)).size(), 64u);
  EXPECT_EQ(digest_in(SafetensorsDataset(file, {}, 0)), "none");
}

}  // namespace
}  // namespace trainer
