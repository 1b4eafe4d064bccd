// SPDX-License-Identifier: Apache-2.0
//
// Views of tensors without torch: their numbers, whatever their type and layout.
#include "support/fake_host.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <trainer/sdk.hpp>

namespace trainer {
namespace {

using sdk::testing::FakeTensor;
using test::FakeHost;

struct TensorsTest : testing::Test {
  FakeHost fake;
  sdk::Host host{fake.table()};
};

TEST_F(TensorsTest, AContiguousOneIsReadWhereItIs) {
  fake.tensors[TRAINER_OF_GRADIENTS] = {{"0.weight", {2, 2}, {3, -4, 0, 12}}, {"0.bias", {}, {-5}}};
  const auto gradients = host.gradients();
  ASSERT_EQ(gradients.size(), 2u);
  const sdk::Tensor weight = gradients[0];
  EXPECT_EQ(weight.name(), "0.weight");
  EXPECT_EQ(weight.size(), 4u);
  EXPECT_EQ(weight.shape()[1], 2);
  EXPECT_EQ(weight.strides()[0], 2);
  EXPECT_EQ(weight.dtype(), "float32");
  EXPECT_EQ(weight.device(), "cpu");
  EXPECT_TRUE(weight.is_contiguous());
  EXPECT_EQ(weight.elements<float>().data(), fake.tensors[TRAINER_OF_GRADIENTS][0].data.data());
  EXPECT_THROW(weight.elements<double>(), std::logic_error);
  EXPECT_EQ(weight.norms().l2, 13);
  EXPECT_EQ(weight.norms().max_abs, 12);
  std::string names;
  for (const sdk::Tensor& one : gradients) names += std::string(one.name()) + " ";
  EXPECT_EQ(names, "0.weight 0.bias ");
  EXPECT_EQ(gradients[1].copy<double>(), std::vector<double>{-5});
  EXPECT_THROW(gradients[2], std::out_of_range);
  EXPECT_EQ(host.parameters().size(), 0u);
}

TEST_F(TensorsTest, AStridedOneIsCopiedInOrder) {
  fake.tensors[TRAINER_OF_MODEL] = {{"0.weight", {2, 2}, {1, 2, 3, 4}, {1, 2}}};  // transposed
  const sdk::Tensor weight = host.parameters()[0];
  EXPECT_FALSE(weight.is_contiguous());
  EXPECT_THROW(weight.elements<float>(), std::logic_error);
  EXPECT_EQ(weight.copy<int>(), (std::vector<int>{1, 3, 2, 4}));
  EXPECT_EQ(weight.norms().max_abs, 4);
}

TEST_F(TensorsTest, NanIsCountedAndLeftOutOfTheNorms) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  fake.tensors[TRAINER_OF_GRADIENTS] = {{"a", {4}, {nan, 3, nan, -4}}, {"b", {1}, {-infinity}}, {"c", {0}, {}}};
  EXPECT_EQ(host.gradients()[0].norms().nan_count, 2u);
  EXPECT_EQ(host.gradients()[0].norms().l2, 5);
  EXPECT_EQ(host.gradients()[1].norms().max_abs, infinity);
  EXPECT_EQ(host.gradients()[2].norms().l2, 0);
  EXPECT_TRUE(host.gradients()[2].is_contiguous());
}

TEST_F(TensorsTest, AHostWithoutThemHasNone) {
  fake.offered.erase(TRAINER_EXT_PARAMETERS);
  EXPECT_EQ(host.parameters().size(), 0u);
  EXPECT_THROW(host.parameters()[0], std::out_of_range);
  for (const sdk::Tensor& one : host.optimizer_state()) FAIL() << one.name();
}

TEST_F(TensorsTest, OfEachType) {
  const std::int64_t shape[] = {2}, strides[] = {1};
  const auto of = [&](const void* data, std::uint32_t code, std::uint32_t bits) {
    return sdk::Tensor(
        fake.table(), 0, 0, "x",
        {sizeof(trainer_tensor), 1, const_cast<void*>(data), 0, shape, strides, 1, 1, 0, code, bits, 1, nullptr});
  };
  const std::uint16_t half[] = {0x3E00, 0xC400}, tiny[] = {0x0001, 0x7C00}, bfloat[] = {0x3FC0, 0xC080};
  EXPECT_EQ(of(half, 2, 16).copy<float>(), (std::vector<float>{1.5, -4}));
  EXPECT_EQ(of(tiny, 2, 16).copy<double>(),
            (std::vector<double>{std::ldexp(1.0, -24), std::numeric_limits<double>::infinity()}));
  EXPECT_EQ(of(bfloat, 4, 16).copy<float>(), (std::vector<float>{1.5, -4}));
  EXPECT_EQ(of(bfloat, 4, 16).dtype(), "bfloat16");
  const std::int64_t large[] = {std::int64_t{1} << 60, -1};
  EXPECT_EQ(of(large, 0, 64).copy<std::int64_t>(), std::vector<std::int64_t>(large, large + 2));
  EXPECT_EQ(of(large, 0, 64).elements<std::int64_t>()[1], -1);
  const bool flags[] = {true, false};
  EXPECT_EQ(of(flags, 6, 8).dtype(), "bool");
  EXPECT_EQ(of(flags, 6, 8).copy<int>(), (std::vector<int>{1, 0}));
  EXPECT_TRUE(of(flags, 6, 8).elements<bool>()[0]);
  const std::uint8_t bytes[] = {200, 7};
  EXPECT_EQ(of(bytes, 1, 8).norms().max_abs, 200);
  EXPECT_THROW(of(large, 5, 64).norms(), std::logic_error) << "complex";
}

}  // namespace
}  // namespace trainer
