// SPDX-License-Identifier: Apache-2.0
//
// Which batches each of several processes gets.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "trainer/data_loader.hpp"

namespace {

using namespace trainer;

at::Tensor numbers(std::vector<std::int64_t> values) { return at::tensor(values, at::kLong); }

std::vector<std::int64_t> numbers_of(const at::Tensor& t) {
  return {t.const_data_ptr<std::int64_t>(), t.const_data_ptr<std::int64_t>() + t.numel()};
}

std::shared_ptr<Dataset> rows_to(std::int64_t count) {
  return std::make_shared<TensorDataset>(Batch{{"x", at::arange(count)}});
}

struct Count : IterableDataset {
  RowStream stream(std::int64_t) const override {
    return [at = std::int64_t{0}]() mutable -> std::optional<Row> {
      if (at == 5) return std::nullopt;
      return Row{{"x", at::scalar_tensor(at++, at::kLong)}};
    };
  }
};

using Batches = std::vector<std::vector<std::int64_t>>;

DataShard shard(int rank, int world) { return {.rank = rank, .world = world, .take_from_rank_0 = {}}; }

/// All batches of a loader, and what the last round has of the dataset.
Batches batches_of(DataLoader& loader, std::optional<std::int64_t>& rest, std::int64_t first = 0) {
  Batches out;
  loader.begin_epoch(0, first);
  while (const auto batch = loader.next()) {
    EXPECT_TRUE(!rest) << "a round that is not the last";
    out.push_back(numbers_of((*batch)["x"]));
    rest = loader.rows_in_round();
  }
  return out;
}

TEST(DataLoader, DealsBatchesToProcesses) {
  struct Case {
    std::int64_t rows, batch;
    bool drop_last;
    std::vector<Batches> expected;  // of each process
  };
  // As accelerate's BatchSamplerShard.
  const Case cases[] = {
      {10, 3, false, {{{0, 1, 2}, {6, 7, 8}}, {{3, 4, 5}, {9, 0, 1}}}},
      {10, 3, true, {{{0, 1, 2}}, {{3, 4, 5}}}},
      {12, 3, false, {{{0, 1, 2}, {6, 7, 8}}, {{3, 4, 5}, {9, 10, 11}}}},
      {2, 4, false, {{{0, 1, 0, 1}}, {{0, 1, 0, 1}}, {{0, 1, 0, 1}}}},
      {7, 2, false, {{{0, 1}}, {{2, 3}}, {{4, 5}}, {{6, 0}}}},
      {7, 2, true, {{}, {}, {}, {}}},
      {3, 1, false, {{{0}, {2}}, {{1}, {0}}}},
      {1, 2, false, {{{0, 0}}, {{0, 0}}}},
      {5, 2, false, {{{0, 1}, {2, 3}, {4}}}},
      {5, 2, true, {{{0, 1}, {2, 3}}}},
  };
  for (const Case& c : cases)
    for (const std::int64_t workers : {0, 2}) {
      const auto world = static_cast<int>(c.expected.size());
      for (int rank = 0; rank < world; ++rank) {
        auto loader = make_data_loader(
            rows_to(c.rows),
            {.batch_size = c.batch, .drop_last = c.drop_last, .num_workers = workers, .shard = shard(rank, world)});
        const auto& expected = c.expected[static_cast<std::size_t>(rank)];
        EXPECT_EQ(*loader->size(), std::ssize(expected));
        std::optional<std::int64_t> rest;
        EXPECT_EQ(batches_of(*loader, rest), expected) << c.rows << " rows, process " << rank << " of " << world;
        const std::int64_t left = c.rows % (c.batch * world);
        EXPECT_EQ(rest.value_or(0), world > 1 && !c.drop_last ? left : 0);
        rest.reset();
        EXPECT_TRUE(expected.size() < 2 ||
                    batches_of(*loader, rest, 1) == Batches(expected.begin() + 1, expected.end()));
      }
    }
}

TEST(DataLoader, ProcessesTakeTheOrderOfTheFirst) {
  auto loader =
      make_data_loader(rows_to(4), {.batch_size = 2,
                                    .sampler = std::make_shared<WeightedRandomSampler>(at::ones(4), 4, 7, false),
                                    .shard = {.rank = 1, .world = 2, .take_from_rank_0 = [](const at::Tensor& rows) {
                                                rows.copy_(numbers({3, 2, 1, 0}));
                                              }}});
  std::optional<std::int64_t> rest;
  EXPECT_EQ(batches_of(*loader, rest), (Batches{{1, 0}}));
}

/// Batches of one row and of two.
struct OneAndTwo : BatchSampler {
  std::int64_t size() const override { return 3; }
  std::vector<at::Tensor> batches(std::int64_t) const override { return {numbers({4}), numbers({0, 1}), numbers({2})}; }
};

TEST(DataLoader, DealsBatchesOfASampler) {
  for (const auto& [rank, expected] : {std::pair(0, Batches{{4}, {2}}), std::pair(1, Batches{{0, 1}, {4}})}) {
    auto loader =
        make_data_loader(rows_to(5), {.batch_sampler = std::make_shared<OneAndTwo>(), .shard = shard(rank, 2)});
    EXPECT_EQ(loader->size(), 2);
    std::optional<std::int64_t> rest;
    EXPECT_EQ(batches_of(*loader, rest), expected);
    EXPECT_EQ(rest, 1);
  }
}

TEST(DataLoader, DealsAStreamToProcesses) {
  // 5 rows, as accelerate's DataLoaderDispatcher: the last round is cut in equal parts.
  const Batches of_two[] = {{{0, 1}, {4}}, {{2, 3}, {0}}}, of_three[] = {{{0, 1}}, {{2, 3}}, {{4, 0}}};
  for (const std::int64_t workers : {0, 1}) {
    for (int rank = 0; rank < 2; ++rank) {
      auto loader = make_data_loader(std::make_shared<Count>(),
                                     {.batch_size = 2, .num_workers = workers, .shard = shard(rank, 2)});
      std::optional<std::int64_t> rest;
      EXPECT_EQ(batches_of(*loader, rest), of_two[rank]);
      EXPECT_EQ(rest, 1);
      EXPECT_EQ(batches_of(*loader, rest = std::nullopt, 1), (Batches{of_two[rank][1]}));
    }
    for (int rank = 0; rank < 3; ++rank) {
      auto loader = make_data_loader(std::make_shared<Count>(),
                                     {.batch_size = 2, .num_workers = workers, .shard = shard(rank, 3)});
      std::optional<std::int64_t> rest;
      EXPECT_EQ(batches_of(*loader, rest), of_three[rank]);
      EXPECT_EQ(rest, 5);
    }
  }
}

}  // namespace
