// SPDX-License-Identifier: Apache-2.0
#include "trainer/loss.hpp"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gmock/gmock.h>

#include <limits>

#include "model/label_smoothing.hpp"
#include "trainer/error.hpp"
#include "trainer/trainer_options.hpp"

namespace {

using namespace trainer;
using testing::HasSubstr;

struct LossTest : testing::Test {
  LossTest() { at::manual_seed(1); }
  static at::Tensor logits(at::IntArrayRef shape) { return at::randn(shape).requires_grad_(); }
  // Both of the same logits, with their gradients, in bits.
  static void expect_equal(const LossFunction& loss, const at::Tensor& logits, const at::Tensor& labels,
                           const std::function<at::Tensor(const at::Tensor&)>& expected) {
    at::Tensor mine = logits.detach().clone().requires_grad_(), torchs = logits.detach().clone().requires_grad_();
    const at::Tensor a = loss(mine, labels), b = expected(torchs);
    ASSERT_EQ(a.dim(), 0);
    EXPECT_TRUE(at::equal(a, b)) << a << b;
    a.backward();
    b.backward();
    EXPECT_TRUE(at::equal(mine.grad(), torchs.grad()));
  }
  static std::string error_of(const std::function<void()>& what, ErrorId id = error_id::data_invalid) {
    try {
      what();
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::usage);
      EXPECT_STREQ(e.id().text, id.text);
      EXPECT_THAT(e.sentence(), testing::Not(HasSubstr("\n")));
      return e.sentence();
    }
    return "";
  }
};

constexpr auto mean = at::Reduction::Mean;

TEST_F(LossTest, CrossEntropyIsTorchs) {
  const auto x = logits({8, 3});
  const auto y = at::tensor({0, 1, 2, 1, -100, 2, 0, 1}, at::kLong);
  const auto weight = at::tensor({1.0f, 0.3f, 2.0f});
  expect_equal(cross_entropy, x, y, [&](const at::Tensor& x) { return at::cross_entropy_loss(x, y); });
  for (const auto type : {at::kByte, at::kInt, at::kShort})
    expect_equal(make_loss("cross_entropy"), x, y.abs().remainder(3).to(type),
                 [&](const at::Tensor& x) { return at::cross_entropy_loss(x, y.abs().remainder(3)); });
  for (const double smoothing : {0.0, 0.1})
    for (const std::int64_t ignored : {-100, 1}) {
      const auto labels = ignored == 1 ? y.clamp_min(0) : y;
      expect_equal(
          make_loss("cross_entropy", {.weight = {1, 0.3, 2}, .ignore_index = ignored, .label_smoothing = smoothing}), x,
          labels,
          [&](const at::Tensor& x) { return at::cross_entropy_loss(x, labels, weight, mean, ignored, smoothing); });
    }
  const auto shares = at::softmax(at::randn({8, 3}), 1);
  expect_equal(make_loss("cross_entropy", {.weight = {1, 0.3, 2}}), x, shares,
               [&](const at::Tensor& x) { return at::cross_entropy_loss(x, shares, weight); });
  EXPECT_TRUE(make_loss("cross_entropy")(x, at::full({8}, -100, at::kLong)).isnan().item<bool>()) << "as torch's";
}

TEST_F(LossTest, CrossEntropyOverTokensAndPixels) {
  const auto tokens = logits({4, 5, 3});
  const auto labels = at::randint(3, {4, 5}, at::kLong);
  expect_equal(cross_entropy, tokens, labels,
               [&](const at::Tensor& x) { return at::cross_entropy_loss(x.flatten(0, 1), labels.flatten()); });
  const auto square = logits({4, 3, 3});
  const auto of_square = at::randint(3, {4, 3}, at::kLong);
  expect_equal(cross_entropy, square, of_square,
               [&](const at::Tensor& x) { return at::cross_entropy_loss(x.flatten(0, 1), of_square.flatten()); });
  const auto pixels = logits({2, 3, 4, 5});
  const auto of_pixels = at::randint(3, {2, 4, 5}, at::kLong);
  const auto weight = at::tensor({1.0f, 0.3f, 2.0f});
  expect_equal(make_loss("cross_entropy", {.weight = {1, 0.3, 2}}), pixels, of_pixels,
               [&](const at::Tensor& x) { return at::cross_entropy_loss(x, of_pixels, weight); });
  EXPECT_EQ(accuracy({pixels.detach(), pixels.argmax(1)}).at("accuracy").as_double(), 1);
  EXPECT_EQ(accuracy({tokens.detach(), tokens.argmax(2)}).at("accuracy").as_double(), 1);
}

TEST_F(LossTest, LossesOfNumbersAreTorchs) {
  const auto x = logits({6, 3}), y = at::randn({6, 3});
  using Of = std::function<at::Tensor(const at::Tensor&)>;
  expect_equal(mse_loss, x, y, [&](const at::Tensor& x) { return at::mse_loss(x, y); });
  expect_equal(make_loss("l1"), x, y, [&](const at::Tensor& x) { return at::l1_loss(x, y); });
  expect_equal(make_loss("huber", {.delta = 0.5}), x, y,
               [&](const at::Tensor& x) { return at::huber_loss(x, y, mean, 0.5); });
  for (const double beta : {0.0, 0.7})
    expect_equal(make_loss("smooth_l1", {.beta = beta}), x, y,
                 [&](const at::Tensor& x) { return at::smooth_l1_loss(x, y, mean, beta); });
  for (const char* name : {"mse", "l1", "huber", "smooth_l1"}) {
    const auto loss = make_loss(name);
    const auto column = logits({6, 1});
    const auto row = at::arange(6);
    for (const auto type : {at::kLong, at::kDouble, at::kFloat})
      expect_equal(loss, column, row.to(type),
                   Of([&](const at::Tensor& x) { return loss(x, row.to(at::kFloat).view({6, 1})); }));
    EXPECT_THAT(error_of([&] { loss(x, at::zeros({6, 1})); }),
                HasSubstr("the logits are [6, 3] Float, but the labels"));
    EXPECT_THAT(error_of([&] { loss(x, at::zeros({6})); }), HasSubstr(std::string(name) + ": the logits"));
    EXPECT_THAT(error_of([&] { loss(at::zeros({6}, at::kLong), row); }), HasSubstr("expected floating-point numbers"));
  }
}

TEST_F(LossTest, BinaryCrossEntropyIsTorchs) {
  const auto x = logits({6, 3}), y = at::rand({6, 3});
  const auto torchs = [](const at::Tensor& x, const at::Tensor& y, const at::Tensor& pos_weight) {
    return at::binary_cross_entropy_with_logits(x, y, {}, pos_weight, mean);
  };
  const std::string name = "binary_cross_entropy_with_logits";
  expect_equal(make_loss(name), x, y, [&](const at::Tensor& x) { return torchs(x, y, {}); });
  const auto three = at::tensor({2.0f, 0.5f, 3.0f});
  expect_equal(make_loss(name, {.pos_weight = {2, 0.5, 3}}), x, y,
               [&](const at::Tensor& x) { return torchs(x, y, three); });
  const auto classes = at::tensor({1, 0, 0, 1, 1, 0}, at::kLong);
  const auto column = logits({6, 1});
  for (const auto type : {at::kLong, at::kBool})
    expect_equal(make_loss(name, {.pos_weight = {2}}), column, classes.to(type), [&](const at::Tensor& x) {
      return torchs(x, classes.to(at::kFloat).view({6, 1}), at::tensor({2.0f}));
    });
  const auto pixels = logits({2, 3, 4, 5}), marks = at::rand({2, 3, 4, 5});
  expect_equal(make_loss(name, {.pos_weight = {2, 0.5, 3}}), pixels, marks,
               [&](const at::Tensor& x) { return torchs(x, marks, three.view({3, 1, 1})); });
  EXPECT_THAT(
      error_of([&] { make_loss(name, {.pos_weight = {1, 2}})(x, y); }),
      HasSubstr("pos_weight has 2 numbers, but the logits are [6, 3] Float; give one, or one for each of the 3"));
  EXPECT_THAT(error_of([&] { make_loss(name)(x, y.sub(1)); }), HasSubstr("expected numbers from 0 to 1"));
  EXPECT_THAT(error_of([&] { make_loss(name)(x, classes); }), HasSubstr("give labels of the outputs' shape"));
}

TEST_F(LossTest, MixedPrecisionIsTorchs) {
  const auto x = at::randn({8, 3}).to(at::kBFloat16);
  const auto y = at::randint(3, {8}, at::kLong);
  const auto weighted = make_loss("cross_entropy", {.weight = {1, 0.3, 2}});
  const auto weight = at::tensor({1.0f, 0.3f, 2.0f});
  EXPECT_TRUE(at::equal(weighted(x, y), at::cross_entropy_loss(x, y, weight.to(at::kBFloat16))))
      << "a model that was cast";
  EXPECT_TRUE(
      at::equal(weighted(x.to(at::kDouble), y), at::cross_entropy_loss(x.to(at::kDouble), y, weight.to(at::kDouble))));
  at::autocast::set_autocast_enabled(at::kCPU, true);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  const auto mine = weighted(x, y), torchs = at::cross_entropy_loss(x, y, weight);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(mine.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(mine, torchs));
}

TEST_F(LossTest, WhatCrossEntropyCannotTakeIsSaid) {
  const auto x = logits({4, 3});
  const auto y = at::tensor({0, 1, 7, 1}, at::kLong);
  const auto of = [](const at::Tensor& x, const at::Tensor& y, const LossOptions& options = {}) {
    return error_of([&] { make_loss("cross_entropy", options)(x, y); });
  };
  for (const auto& options : {LossOptions{}, LossOptions{.weight = {1, 1, 1}}, LossOptions{.label_smoothing = 0.1}}) {
    EXPECT_THAT(of(x, y, options), HasSubstr("cross_entropy: a label is 7, expected a class from 0 to 2, or -100"));
    EXPECT_THAT(of(x, y.sub(1).clamp_max(2), options), HasSubstr("a label is -1"));
  }
  EXPECT_THAT(of(at::randn({2, 3, 4, 4}), at::full({2, 4, 4}, 3, at::kLong)), HasSubstr("a label is 3, expected"));
  EXPECT_THAT(of(x, at::tensor({0, 1, -100, 1}, at::kLong), {.ignore_index = 1}), HasSubstr("a label is -100"));
  EXPECT_THAT(of(x, y.to(at::kFloat)), HasSubstr("the labels [4] Float; give labels that are whole numbers"));
  EXPECT_THAT(of(x, y.unsqueeze(1)), HasSubstr("the labels [4, 1] Long; give logits [N, C] with labels [N]"));
  EXPECT_THAT(of(at::randn({3, 3}), y), HasSubstr("the logits are [3, 3] Float"));
  EXPECT_THAT(of(at::randn({4, 3, 2}), at::zeros({4, 2}, at::kLong)), HasSubstr("[N, T, C] with [N, T]"));
  EXPECT_THAT(of(x, y, {.weight = {1, 2}}), HasSubstr("weight has 2 numbers, but the logits are [4, 3] Float"));
  EXPECT_THAT(of(x, at::rand({4, 3}), {.ignore_index = 0}), HasSubstr("leave out ignore_index"));
  EXPECT_THAT(of(y, y), HasSubstr("expected floating-point numbers"));
  EXPECT_THAT(error_of([&] { smoothed_loss(x, y, 0.1); }), HasSubstr("label smoothing: a label is 7"));
  EXPECT_THAT(error_of([&] { smoothed_loss(at::randn({2, 3, 4, 4}), at::zeros({2, 4, 4}, at::kLong), 0.1); }),
              HasSubstr("give logits with the classes last"));
}

TEST_F(LossTest, NamesAndOptionsAreChecked) {
  const auto of = [](const std::string& name, const LossOptions& options = {}) {
    return error_of([&] { make_loss(name, options); }, error_id::arguments_invalid);
  };
  for (const auto& name : loss_names()) EXPECT_EQ(of(name), "");
  EXPECT_THAT(of("cross_entropi"), HasSubstr("did you mean \"cross_entropy\"?"));
  EXPECT_THAT(of("zzz"), HasSubstr("expected one of cross_entropy, binary_cross_entropy_with_logits"));
  EXPECT_THAT(of("cross_entropy", {.weight = {1, -1}}), HasSubstr("weight has the number -1.0"));
  EXPECT_THAT(of("cross_entropy", {.label_smoothing = 2}), HasSubstr("label_smoothing is 2.0"));
  EXPECT_THAT(of("binary_cross_entropy_with_logits", {.pos_weight = {std::numeric_limits<double>::infinity()}}),
              HasSubstr("pos_weight has the number"));
  EXPECT_THAT(of("huber", {.delta = 0}), HasSubstr("delta is 0.0, expected a number above 0"));
  EXPECT_THAT(of("smooth_l1", {.beta = -1}), HasSubstr("beta is -1.0"));
}

}  // namespace
