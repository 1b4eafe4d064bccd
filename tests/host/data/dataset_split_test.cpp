// SPDX-License-Identifier: Apache-2.0
//
// The orders are those of NumPy 2.4.6; tests/python/data_sources_test.py compares more of them with the NumPy at hand.
#include "trainer/dataset_split.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/numpy_permutation.hpp"
#include "support/error_of.hpp"

namespace trainer {
namespace {

using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

std::shared_ptr<Dataset> rows(std::int64_t n) {
  return std::make_shared<TensorDataset>(at::arange(n, at::kFloat).unsqueeze(1), at::arange(n));
}

std::vector<std::int64_t> labels(const Dataset& dataset) {
  const at::Tensor found = dataset.get_batch(at::arange(dataset.size()))["labels"];
  return {found.const_data_ptr<std::int64_t>(), found.const_data_ptr<std::int64_t>() + found.numel()};
}

TEST(DatasetSplit, PermutesAsNumpyDoes) {
  EXPECT_THAT(numpy_permutation(42, 10), ElementsAre(5, 6, 0, 7, 3, 2, 4, 9, 1, 8));
  EXPECT_THAT(numpy_permutation((std::uint64_t{1} << 40) + 5, 10), ElementsAre(8, 1, 2, 5, 3, 0, 9, 7, 4, 6));
  EXPECT_THAT(numpy_permutation(3, 1), ElementsAre(0));
}

TEST(DatasetSplit, TheFirstOfThePermutationAreForTheTest) {
  const DatasetSplit share = train_test_split(rows(10), 0.21);
  EXPECT_THAT(labels(*share.test), ElementsAre(5, 6, 0)) << "rounded up";
  EXPECT_THAT(labels(*share.train), ElementsAre(7, 3, 2, 4, 9, 1, 8));
  EXPECT_THAT(labels(*train_test_split(rows(10), 2).test), ElementsAre(5, 6));
  EXPECT_EQ(share.train->get_rows(at::tensor({1, 0}))[0]["labels"].item<std::int64_t>(), 3);
}

TEST(DatasetSplit, NeitherPartIsEmpty) {
  for (const std::variant<std::int64_t, double> size : {std::variant<std::int64_t, double>(0.0),
                                                        {1.0},
                                                        {0.95},
                                                        {-0.5},
                                                        {std::int64_t{0}},
                                                        {std::int64_t{10}},
                                                        {std::int64_t{-1}}})
    EXPECT_THAT(error_of([&] { train_test_split(rows(10), size); }), HasSubstr("leaves no rows for one of the parts"));
  EXPECT_THAT(error_of([] { SubsetDataset(rows(3), at::tensor({3})); }), HasSubstr("from 0 to 2"));
}

}  // namespace
}  // namespace trainer
