// SPDX-License-Identifier: Apache-2.0
//
// Samplers that look at lengths, beside the orders that transformers' gave (recorded/samplers.json).
#include "trainer/sampler.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gmock/gmock.h>

#include "support/error_of.hpp"
#include "trainer/data_loader.hpp"
#include "trainer/json.hpp"

namespace {

using namespace trainer;
using test::error_of;
using testing::HasSubstr;

const json::object& recorded_orders() {
  static const json::value all = json::parse_file(TRAINER_SOURCE_DIR "/tests/host/recorded/samplers.json");
  return all.get_object();
}

std::vector<std::int64_t> whole_numbers(const json::value& list) {
  std::vector<std::int64_t> out;
  for (const auto& v : list.get_array()) out.push_back(v.get_int64());
  return out;
}

std::vector<std::int64_t> whole_numbers(const at::Tensor& rows) {
  return {rows.const_data_ptr<std::int64_t>(), rows.const_data_ptr<std::int64_t>() + rows.numel()};
}

at::Tensor lengths_of(const json::object& of) { return at::tensor(whole_numbers(of.at("lengths")), at::kLong); }

TEST(LengthGroupedSampler, HasTransformersOrders) {
  auto generator = at::detail::getDefaultCPUGenerator();
  const auto before = generator.get_state();
  for (const auto& v : recorded_orders().at("by_length").get_array()) {
    const auto& of = v.get_object();
    const auto seed = static_cast<std::uint64_t>(of.at("seed").get_int64());
    const std::int64_t batch_size = of.at("batch_size").get_int64();
    const LengthGroupedSampler sampler(lengths_of(of), batch_size), seeded(lengths_of(of), batch_size, seed);
    generator.set_current_seed(seed);
    std::int64_t epoch = 0;
    for (const auto& order : of.at("epochs").get_array())
      EXPECT_EQ(whole_numbers(sampler.indices(epoch++)), whole_numbers(order)) << "batches of " << batch_size;
    for (const auto& order : of.at("eval").get_array())
      EXPECT_EQ(whole_numbers(seeded.indices(0)), whole_numbers(order)) << "evaluation, batches of " << batch_size;
  }
  generator.set_state(before);
}

TEST(BatchRebalanceSampler, HasTransformersBatches) {
  for (const auto& v : recorded_orders().at("rebalanced").get_array()) {
    const auto& of = v.get_object();
    const BatchRebalanceSampler sampler(lengths_of(of), of.at("step_rows").get_int64(),
                                        of.at("micro_batches").get_int64(), of.at("drop_last").get_bool(),
                                        of.at("world").get_int64());
    std::int64_t epoch = 0;
    for (const auto& expected : of.at("epochs").get_array()) {
      const auto batches = sampler.batches(epoch++);
      ASSERT_EQ(batches.size(), expected.get_array().size()) << json::dump(v);
      EXPECT_EQ(sampler.size(), std::ssize(batches));
      for (std::size_t i = 0; i < batches.size(); ++i)
        EXPECT_EQ(whole_numbers(batches[i]), whole_numbers(expected.get_array()[i])) << "epoch " << epoch - 1;
    }
  }
}

TEST(LengthSamplers, RefuseWhatAreNoLengths) {
  EXPECT_THAT(error_of([] { LengthGroupedSampler(at::ones({3}), 2); }), HasSubstr("was given the lengths [3] Float"));
  EXPECT_THAT(error_of([] { LengthGroupedSampler(at::arange(4).view({2, 2}), 2); }), HasSubstr("give lengths [N]"));
  EXPECT_THAT(error_of([] { LengthGroupedSampler(at::arange(4), 0); }), HasSubstr("batch_size is 0"));
  EXPECT_THAT(error_of([] { BatchRebalanceSampler(at::arange(4), 1, 2, false); }), HasSubstr("step_rows is 1"));
}

TEST(DataLoader, TakesBatchesOfABatchSampler) {
  struct Given : BatchSampler {
    std::int64_t size() const override { return 2; }
    std::vector<at::Tensor> batches(std::int64_t epoch) const override { return epoch == 0 ? good : bad; }
    std::vector<at::Tensor> good{at::tensor({4, 0, 2}, at::kLong), at::tensor({1}, at::kLong)}, bad;
  };
  const auto sampler = std::make_shared<Given>();
  for (const std::int64_t workers : {0, 2}) {
    const auto loader = make_data_loader(std::make_shared<TensorDataset>(Batch{{"x", at::arange(5)}}),
                                         {.batch_sampler = sampler, .num_workers = workers});
    EXPECT_EQ(loader->size(), 2);
    for (const std::int64_t first : {0, 1}) {
      loader->begin_epoch(0, first);
      for (auto i = static_cast<std::size_t>(first); i < 2; ++i)
        EXPECT_TRUE(at::equal((*loader->next())["x"], sampler->good[i])) << first;
      EXPECT_FALSE(loader->next());
    }
    sampler->bad = {at::tensor({0}, at::kLong)};
    EXPECT_THAT(error_of([&] { loader->begin_epoch(1); }), HasSubstr("the batch_sampler gave 1 batches, expected 2"));
    for (const auto& wrong : {at::tensor({5}, at::kLong), at::zeros({1}), at::empty({0}, at::kLong), at::Tensor()}) {
      sampler->bad = {wrong, at::tensor({0}, at::kLong)};
      EXPECT_THAT(error_of([&] { loader->begin_epoch(1); }), HasSubstr("from 0 to 4"));
    }
  }
}

// Lengths of rows that are made one by one.
TEST(Dataset, LengthsAreNumbersOrThoseOfSequences) {
  struct Made : RowDataset {
    std::int64_t size() const override { return 3; }
    Row get_row(std::int64_t i) const override {
      return {{"input_ids", at::ones({i + 1})}, {"length", at::scalar_tensor(10 * i, at::kLong)}, {"x", at::ones({})}};
    }
  } const made;
  EXPECT_EQ(whole_numbers(made.lengths("length")), (std::vector<std::int64_t>{0, 10, 20}));
  for (const char* column : {"input_ids", "not_there"})
    EXPECT_EQ(whole_numbers(made.lengths(column)), (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_THAT(error_of([&] { made.lengths("x"); }), HasSubstr("row 0 of the dataset has neither lengths"));
}

}  // namespace
