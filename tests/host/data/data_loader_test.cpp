// SPDX-License-Identifier: Apache-2.0
//
// Rows to batches: by numbers and one after another, with collators, samplers and threads.
#include "trainer/data_loader.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gmock/gmock.h>

#include <cmath>

#include "support/error_of.hpp"
#include "trainer/error.hpp"

namespace {

using namespace trainer;
using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

at::Tensor numbers(std::vector<std::int64_t> values) { return at::tensor(values, at::kLong); }

/// Row i has i + 1 times the number i, and a label.
struct Ragged : RowDataset {
  std::int64_t size() const override { return 5; }
  Row get_row(std::int64_t i) const override {
    if (i == fails_at) throw std::runtime_error("my row");
    return {{"ids", at::full({i + 1}, i, at::kLong)}, {"label", at::scalar_tensor(i, at::kLong)}};
  }
  std::int64_t fails_at = -1;
};

struct Count : IterableDataset {
  RowStream stream(std::int64_t epoch) const override {
    return [this, epoch, at = std::int64_t{0}]() mutable -> std::optional<Row> {
      if (at == fails_at) throw std::runtime_error("my stream");
      if (at == 5) return std::nullopt;
      return Row{{"x", at::scalar_tensor(100 * epoch + at++, at::kLong)}};
    };
  }
  std::int64_t fails_at = -1;
};

std::vector<std::vector<std::int64_t>> columns(DataLoader& loader, const char* name, std::int64_t epoch = 0,
                                               std::int64_t first = 0) {
  std::vector<std::vector<std::int64_t>> out;
  loader.begin_epoch(epoch, first);
  while (const auto batch = loader.next()) {
    const auto flat = (*batch)[name].flatten();
    out.emplace_back(flat.data_ptr<std::int64_t>(), flat.data_ptr<std::int64_t>() + flat.numel());
  }
  return out;
}

TEST(DataLoader, CutsADatasetIntoBatches) {
  const auto data = std::make_shared<TensorDataset>(Batch{{"x", at::arange(5)}});
  const auto loader = make_data_loader(data, {.batch_size = 2});
  EXPECT_EQ(loader->size(), 3);
  EXPECT_EQ(loader->num_examples(), 5);
  EXPECT_THAT(columns(*loader, "x"), ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3), ElementsAre(4)));
  EXPECT_THAT(columns(*loader, "x", 0, 2), ElementsAre(ElementsAre(4))) << "from a batch on, as a resumed run reads";
  const auto dropping = make_data_loader(data, {.batch_size = 2, .drop_last = true});
  EXPECT_EQ(dropping->size(), 2);
  EXPECT_EQ(columns(*dropping, "x").size(), 2u);
}

TEST(DataLoader, TakesTheOrderOfASampler) {
  const auto data = std::make_shared<TensorDataset>(Batch{{"x", at::arange(5)}});
  struct Backwards : Sampler {
    std::int64_t size() const override { return 3; }
    at::Tensor indices(std::int64_t epoch) const override { return numbers({4, 3 - epoch, 0}); }
  };
  const auto loader = make_data_loader(data, {.batch_size = 2, .sampler = std::make_shared<Backwards>()});
  EXPECT_EQ(loader->size(), 2);
  EXPECT_THAT(columns(*loader, "x", 1), ElementsAre(ElementsAre(4, 2), ElementsAre(0)));
}

TEST(DataLoader, AnOrderMayBeAViewAndHasToFit) {
  struct Given : Sampler {
    std::int64_t size() const override { return 2; }
    at::Tensor indices(std::int64_t) const override { return order; }
    at::Tensor order;
  };
  const auto sampler = std::make_shared<Given>();
  const auto loader = make_data_loader(std::make_shared<Ragged>(), {.batch_size = 1, .sampler = sampler});
  sampler->order = at::arange(5).slice(0, 1, 5, 2);  // every other row, as one of two processes takes them
  EXPECT_THAT(columns(*loader, "labels"), ElementsAre(ElementsAre(1), ElementsAre(3)));
  for (const auto& wrong : {numbers({0, 5}), numbers({-1, 0}), numbers({0}), at::zeros({2}), at::Tensor()}) {
    sampler->order = wrong;
    EXPECT_THAT(error_of([&] { columns(*loader, "labels"); }), HasSubstr("expected 2 numbers (int64) from 0 to 4"));
  }
}

TEST(DataLoader, RefusesBatchesOfNothing) {
  const auto data = std::make_shared<Ragged>();
  EXPECT_THAT(error_of([&] { make_data_loader(data, {.batch_size = 0}); }), HasSubstr("batch_size is 0"));
  EXPECT_THAT(error_of([&] { make_data_loader(data, {.num_workers = -1}); }), HasSubstr("num_workers is -1"));
  EXPECT_THAT(error_of([&] { make_data_loader(data, {.prefetch_factor = 0}); }), HasSubstr("prefetch_factor is 0"));
}

TEST(DataLoader, CollatesRowsOfDifferentLengths) {
  for (const std::int64_t workers : {0, 2}) {
    const auto loader =
        make_data_loader(std::make_shared<Ragged>(),
                         {.batch_size = 2, .collator = DataCollatorWithPadding{{{"ids", -1}}}, .num_workers = workers});
    EXPECT_THAT(columns(*loader, "ids"), ElementsAre(ElementsAre(0, -1, 1, 1), ElementsAre(2, 2, 2, -1, 3, 3, 3, 3),
                                                     ElementsAre(4, 4, 4, 4, 4)));
    EXPECT_THAT(columns(*loader, "labels"), ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3), ElementsAre(4)));
  }
}

TEST(DataLoader, GivesACollatorTheRowsOfADatasetOfBatches) {
  const auto data = std::make_shared<TensorDataset>(at::arange(6).view({3, 2}), numbers({7, 8, 9}));
  std::vector<std::int64_t> shapes;
  const auto loader =
      make_data_loader(data, {.batch_size = 2, .collator = [&](const std::vector<Row>& rows) {
                                shapes = rows[0]["features"].sizes().vec();
                                return Batch{{"first", rows[0]["features"]}, {"label", rows[0]["labels"]}};
                              }});
  EXPECT_THAT(columns(*loader, "label"), ElementsAre(ElementsAre(7), ElementsAre(9)));
  EXPECT_THAT(shapes, ElementsAre(2));
}

TEST(DataLoader, ReadsAStreamOfUnknownLength) {
  for (const std::int64_t workers : {0, 3}) {
    const auto loader =
        make_data_loader(std::make_shared<Count>(), {.batch_size = 2, .drop_last = true, .num_workers = workers});
    EXPECT_EQ(loader->size(), std::nullopt);
    EXPECT_EQ(loader->num_examples(), std::nullopt);
    EXPECT_THAT(columns(*loader, "x"), ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3), ElementsAre(4)))
        << "drop_last is for datasets with a size, as in transformers";
    EXPECT_THAT(columns(*loader, "x", 1, 1), ElementsAre(ElementsAre(102, 103), ElementsAre(104)));
    EXPECT_EQ(loader->next(), std::nullopt) << "the end stays the end";
    EXPECT_THAT(columns(*loader, "x", 2, 9), testing::IsEmpty());
  }
}

TEST(DataLoader, DrawsOneNumberAnEpochAsTorch) {
  for (const bool stream : {false, true}) {
    std::shared_ptr<AnyDataset> data = std::make_shared<Count>();
    if (!stream) data = std::make_shared<TensorDataset>(Batch{{"x", at::arange(5)}});
    const auto loader = make_data_loader(data, {.batch_size = 2});
    at::Generator(at::detail::getDefaultCPUGenerator()).set_current_seed(3);
    at::empty({}, at::kLong).random_();
    const auto expected = at::rand({});
    at::Generator(at::detail::getDefaultCPUGenerator()).set_current_seed(3);
    columns(*loader, "x");
    EXPECT_TRUE(at::equal(at::rand({}), expected));
  }
}

TEST(DataLoader, WhatRowsThrowNamesThem) {
  for (const std::int64_t workers : {0, 1}) {
    const auto rows = std::make_shared<Ragged>();
    rows->fails_at = 3;
    auto loader = make_data_loader(
        rows, {.batch_size = 2, .collator = DataCollatorWithPadding{{{"ids", 0}}}, .num_workers = workers});
    EXPECT_THAT(error_of([&] { columns(*loader, "ids"); }),
                HasSubstr("rows 2, 3 of the dataset: my row [data.failed]"));
    const auto stream = std::make_shared<Count>();
    stream->fails_at = 3;
    loader = make_data_loader(stream, {.batch_size = 2, .num_workers = workers});
    EXPECT_THAT(error_of([&] { columns(*loader, "x"); }), HasSubstr("the stream after row 3: my stream [data.failed]"));
  }
  const auto loader =
      make_data_loader(std::make_shared<Ragged>(), {.batch_size = 2, .collator = [](const auto&) { return Batch(); }});
  EXPECT_THAT(error_of([&] { columns(*loader, "ids"); }), HasSubstr("gave a batch without tensors"));
}

TEST(DataLoader, RefusesRowsOfAnUnknownKind) {
  EXPECT_THAT(error_of([] { make_data_loader(std::make_shared<AnyDataset>(), {}); }),
              HasSubstr("neither a Dataset nor an IterableDataset"));
}

TEST(DataCollator, StacksRowsThatAreAlike) {
  const Batch batch = default_data_collator({{{"x", numbers({1, 2})}, {"label_ids", at::scalar_tensor(3)}},
                                             {{"x", numbers({4, 5})}, {"label_ids", at::scalar_tensor(6)}}});
  EXPECT_TRUE(at::equal(batch["x"], numbers({1, 2, 4, 5}).view({2, 2})));
  EXPECT_EQ(batch["labels"].sizes(), at::IntArrayRef({2}));
  EXPECT_THAT(error_of([] { default_data_collator({{{"x", at::ones({2})}}, {{"x", at::ones({3})}}}); }),
              HasSubstr("\"x\" has the shapes [2] and [3] in rows of one batch"));
  EXPECT_THAT(error_of([] { default_data_collator({{{"x", at::ones({2})}}, {{"y", at::ones({2})}}}); }),
              HasSubstr("row 1 of a batch has no \"x\""));
}

TEST(DataCollator, PadsToALengthAndAMultiple) {
  const std::vector<Row> rows{{{"ids", numbers({1, 2, 3})}, {"labels", numbers({1, 2, 3})}},
                              {{"ids", numbers({4})}, {"labels", numbers({4})}}};
  DataCollatorWithPadding collator{.padding = {{"ids", 0}, {"labels", -100}, {"not_there", 1}}};
  EXPECT_TRUE(at::equal(collator(rows)["labels"], numbers({1, 2, 3, 4, -100, -100}).view({2, 3})));
  collator.pad_to_multiple_of = 4;
  EXPECT_TRUE(at::equal(collator(rows)["ids"], numbers({1, 2, 3, 0, 4, 0, 0, 0}).view({2, 4})));
  collator.padding_side = DataCollatorWithPadding::Side::left;
  EXPECT_TRUE(at::equal(collator(rows)["ids"], numbers({0, 1, 2, 3, 0, 0, 0, 4}).view({2, 4})));
  collator.max_length = 6;
  EXPECT_EQ(collator(rows)["ids"].size(1), 8);
  collator.max_length = 2;
  EXPECT_THAT(error_of([&] { collator(rows); }),
              HasSubstr("row 0 of a batch has the length 3 in \"ids\", expected at most max_length 2"));
  EXPECT_THAT(error_of([&] { collator({{{"ids", at::scalar_tensor(1)}}}); }), HasSubstr("has single numbers"));
}

TEST(DataCollator, MakesTheMaskThatATokenizerMakes) {
  const std::vector<Row> rows{{{"ids", numbers({1, 2, 0})}}, {{"ids", numbers({4})}}};
  DataCollatorWithPadding collator{.padding = {{"ids", 0}}, .attention_mask = {{.of = "ids", .name = "mask"}}};
  EXPECT_TRUE(at::equal(collator(rows)["mask"], numbers({1, 1, 1, 1, 0, 0}).view({2, 3})));
  collator.padding_side = DataCollatorWithPadding::Side::left;
  collator.pad_to_multiple_of = 4;
  EXPECT_TRUE(at::equal(collator(rows)["mask"], numbers({0, 1, 1, 1, 0, 0, 0, 1}).view({2, 4})));
  const Row own{{"ids", numbers({1})}, {"mask", numbers({7})}};
  EXPECT_TRUE(at::equal(collator({own})["mask"], numbers({7}).view({1, 1}))) << "there is one already";
  collator.padding.clear();
  EXPECT_TRUE(at::equal(collator({rows[0]})["mask"], numbers({1, 1, 1}).view({1, 3})));
  collator.attention_mask->of = "not_there";
  EXPECT_FALSE(collator({rows[0]})["mask"].defined());
}

TEST(DataCollator, RefusesAFillThatTheTypeCannotHold) {
  const auto filled = [](double fill, at::ScalarType type) {
    const Batch batch =
        DataCollatorWithPadding{{{"x", fill}}}({{{"x", at::ones({2}, type)}}, {{"x", at::ones({1}, type)}}});
    return batch["x"][1][1].item<double>();
  };
  for (const auto& [fill, type] : {std::pair(-100., at::kLong),
                                   {-100., at::kChar},
                                   {1., at::kBool},
                                   {255., at::kByte},
                                   {0.5, at::kFloat},
                                   {-65504., at::kHalf},
                                   {-1e300, at::kDouble}})
    EXPECT_EQ(filled(fill, type), fill) << type;
  EXPECT_EQ(filled(-INFINITY, at::kBFloat16), -INFINITY);
  for (const auto& [fill, type] : {std::pair(0.5, at::kLong),
                                   {-100., at::kByte},
                                   {-100., at::kBool},
                                   {200., at::kChar},
                                   {4e4, at::kShort},
                                   {3e9, at::kInt},
                                   {1e17, at::kLong},
                                   {NAN, at::kLong},
                                   {7e4, at::kHalf},
                                   {1e39, at::kFloat}})
    EXPECT_THAT(error_of([&, fill = fill, type = type] { filled(fill, type); }),
                testing::AllOf(HasSubstr("[data.invalid]"), HasSubstr("\"x\" is to be filled with "),
                               HasSubstr(std::string("which its type ") + c10::toString(type) + " cannot hold")));
}

TEST(Sampler, OrdersFollowFromSeedAndEpoch) {
  EXPECT_TRUE(at::equal(SequentialSampler(3).indices(7), numbers({0, 1, 2})));
  const RandomSampler random(6, 5);
  const auto expected = at::randperm(6, at::make_generator<at::CPUGeneratorImpl>(7), at::kLong);
  EXPECT_TRUE(at::equal(random.indices(2), expected));
  const WeightedRandomSampler weighted(at::tensor({0., 1., 0., 3.}), 100, 1);
  const auto drawn = weighted.indices(0);
  EXPECT_EQ(drawn.numel(), weighted.size());
  EXPECT_TRUE(at::equal(drawn, weighted.indices(0)));
  EXPECT_FALSE(at::equal(drawn, weighted.indices(1)));
  EXPECT_EQ(drawn.eq(1).sum().item<int>() + drawn.eq(3).sum().item<int>(), 100);
  EXPECT_GT(drawn.eq(3).sum().item<int>(), 50);
  EXPECT_THAT(error_of([] { WeightedRandomSampler(at::ones({3}), 4, 0, false); }), HasSubstr("without replacement"));
}

}  // namespace
