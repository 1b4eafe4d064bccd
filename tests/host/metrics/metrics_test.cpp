// SPDX-License-Identifier: Apache-2.0
#include "trainer/metrics.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>

#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace {

using namespace trainer;
using testing::ElementsAre;
using testing::HasSubstr;

struct MetricsTest : testing::Test {
  MetricsTest() {
    log::set_sink([this](log::Level, std::string_view line) { lines.emplace_back(line); });
  }
  ~MetricsTest() override { log::set_sink({}); }

  static double one(const MetricSpec& metric, const at::Tensor& predictions, const at::Tensor& labels,
                    const MetricsOptions& options = {}) {
    return make_metrics({metric}, options)({predictions, labels}).at(metric.log_name()).to_number<double>();
  }
  static std::string error_of(const std::function<void()>& what, ErrorId id = error_id::metric_failed) {
    try {
      what();
    } catch (const Error& e) {
      EXPECT_STREQ(e.id().text, id.text) << e.sentence();
      return e.sentence();
    }
    return "";
  }
  static std::string wrong(const MetricSpec& metric) {
    return error_of([&] { make_metrics({metric}); }, error_id::arguments_invalid);
  }

  std::vector<std::string> lines;
  const at::Tensor logits = at::tensor({2.0f, 1.0f, 0.0f, 0.0f, 1.0f, 2.0f, 1.0f, 2.0f, 0.0f}).view({3, 3});
  const at::Tensor labels = at::tensor({0, 2, 0}, at::kLong);
};

TEST_F(MetricsTest, NamesInLogsSayTheOptions) {
  const auto found = make_metrics({{"accuracy"},
                                   {.name = "f1", .average = "macro"},
                                   {.name = "f1", .average = "micro"},
                                   {.name = "top_k_accuracy", .k = 1},
                                   {.name = "recall", .average = "macro", .as = "mean_recall"}})({logits, labels});
  std::vector<std::string> names;
  for (const auto& entry : found) names.emplace_back(entry.key());
  EXPECT_THAT(names, ElementsAre("accuracy", "f1_macro", "f1_micro", "top_k_accuracy_1", "mean_recall"));
}

TEST_F(MetricsTest, WhatNoMetricHasIsNamed) {
  EXPECT_THAT(wrong({"acuracy"}), HasSubstr("metrics[0]: there is no metric \"acuracy\"; did you mean \"accuracy\"?"));
  EXPECT_THAT(wrong({.name = "accuracy", .average = "macro"}), HasSubstr("accuracy has no \"average\""));
  EXPECT_THAT(wrong({.name = "f1", .average = "mean"}), HasSubstr("expected one of binary, micro, macro, weighted"));
  EXPECT_THAT(wrong({.name = "f1", .k = 3}), HasSubstr("f1 has no \"k\""));
  EXPECT_THAT(wrong({.name = "top_k_accuracy", .k = -1}), HasSubstr("expected a whole number from 1"));
  EXPECT_THAT(wrong({.name = "mse", .shift = true}), HasSubstr("mse has no \"shift\""));
  EXPECT_THAT(wrong({.name = "f1", .as = "loss"}), HasSubstr("as what every evaluation logs"));
  EXPECT_THAT(wrong({.name = "f1", .as = "eval_loss"}), HasSubstr("as what every evaluation logs"));
  EXPECT_THAT(error_of([] { make_metrics({{"f1"}, {"f1"}}); }, error_id::arguments_invalid),
              HasSubstr("metrics[1] has the name \"f1\" in logs, as one before"));
  EXPECT_THAT(error_of([] { make_metrics({{"f1"}}, {.problem_type = "classes"}); }, error_id::arguments_invalid),
              HasSubstr("expected \"\" or one of single_label_classification, multi_label"));
}

TEST_F(MetricsTest, WhatDoesNotFitNamesTheMetric) {
  EXPECT_THAT(error_of([&] { one({"f1"}, logits, labels); }),
              HasSubstr("f1 without another average is that of class 1 of two, but there are 3 classes"));
  EXPECT_THAT(error_of([&] { one({"roc_auc"}, logits.argmax(1), labels); }),
              HasSubstr("roc_auc was given predictions that are classes already, expected logits"));
  EXPECT_THAT(error_of([&] { one({"accuracy"}, logits, labels.view({3, 1})); }),
              HasSubstr("accuracy was given predictions [3, 3] Float and labels [3, 1] Long; expected logits"));
  EXPECT_THAT(error_of([&] { one({"matthews"}, logits, at::zeros_like(logits)); }),
              HasSubstr("matthews needs a class for each row"));
  EXPECT_THAT(error_of([&] { one({"f1"}, logits, at::zeros_like(logits)); }), HasSubstr("that of one label"));
  EXPECT_THAT(error_of([&] { one({"accuracy"}, logits, at::full_like(logits, 0.5)); }),
              HasSubstr("labels that are 0 or 1"));
  EXPECT_THAT(error_of([&] { one({"accuracy"}, logits, labels.to(at::kFloat) + 0.5); }), HasSubstr("have fractions"));
  EXPECT_THAT(error_of([&] { one({"accuracy"}, logits, labels + 1); }, error_id::data_invalid),
              HasSubstr("a label is 3, expected a class from 0 to 2"));
  EXPECT_THAT(error_of([&] { one({"mse"}, logits, labels); }), HasSubstr("mse was given predictions [3, 3] Float"));
  EXPECT_THAT(error_of([&] { one({.name = "f1", .average = "macro", .shift = true}, logits, labels); }),
              HasSubstr("since \"shift\" is set"));
  EXPECT_THAT(error_of([&] { one({"confusion_matrix"}, at::zeros({2, 300}), at::zeros({2}, at::kLong)); }),
              HasSubstr("a table of at most 256 classes, but there are 300"));
  EXPECT_THAT(error_of([&] { one({"mse"}, logits, labels, {.problem_type = "single_label_classification"}); }),
              HasSubstr("mse needs numbers, but the labels are classes"));
  EXPECT_THAT(error_of([&] { one({"f1"}, logits, logits, {.problem_type = "regression"}); }),
              HasSubstr("f1 needs class labels, but the labels are numbers"));
}

TEST_F(MetricsTest, OtherLabelsThatDoNotCountAreLeftOut) {
  EXPECT_EQ(one({"accuracy"}, logits, labels), 2.0 / 3);
  EXPECT_EQ(one({"accuracy"}, logits, labels, {.ignore_index = 0}), 1);
  const auto some = at::tensor({-100, 2, 0}, at::kLong);
  EXPECT_EQ(one({"accuracy"}, logits, some, {.ignore_index = 2}), 0);
  EXPECT_EQ(one({.name = "top_k_accuracy", .k = 1}, logits, some), 0.5);
  // Rows that fill up a batch of several labels.
  const auto padded = at::tensor({1, 0, -100, -100}, at::kLong).view({2, 2});
  EXPECT_EQ(one({"accuracy"}, at::tensor({1.0f, -1.0f, -100.0f, -100.0f}).view({2, 2}), padded), 1);
}

TEST_F(MetricsTest, WhatIsNotDefinedIsToldOnce) {
  const auto metrics = make_metrics({{.name = "f1", .average = "macro"}, {.name = "roc_auc"}, {"balanced_accuracy"}});
  const EvalPrediction p{at::tensor({0.0f, 1.0f, 0.0f, 1.0f}).view({2, 2}), at::zeros({2}, at::kLong)};
  for (int i = 0; i < 2; ++i) {
    const auto found = metrics(p);
    EXPECT_EQ(found.at("f1_macro"), 0.0);
    EXPECT_TRUE(std::isnan(found.at("roc_auc").as_double()));
    EXPECT_EQ(found.at("balanced_accuracy"), 0.0);
  }
  EXPECT_THAT(
      lines,
      ElementsAre("the metric roc_auc is NaN where the labels have one class only; evaluate rows of several",
                  "the metric balanced_accuracy leaves out classes that are predicted but do not occur as labels"));
  lines.clear();
  EXPECT_EQ(one({"precision"}, p.predictions.neg(), p.label_ids), 0);
  EXPECT_THAT(lines, ElementsAre("the metric precision counts as 0 where there is no predicted row of a class"));
}

TEST_F(MetricsTest, ALogitThatIsNaNIsNoHit) {
  EXPECT_TRUE(std::isnan(one({.name = "top_k_accuracy", .k = 1}, at::full({3, 3}, NAN), labels)));
  EXPECT_THAT(lines, ElementsAre("the metric top_k_accuracy_1 is NaN where logits are"));
  const MetricsOptions options{.problem_type = "multi_label_classification"};
  EXPECT_EQ(one({"recall"}, at::full({2, 1}, NAN), at::ones({2, 1}), options), 0);
}

TEST_F(MetricsTest, NoLabelIsNoNumber) {
  const auto none = at::full({3}, -100, at::kLong);
  EXPECT_TRUE(std::isnan(one({"accuracy"}, logits, none)));
  EXPECT_THAT(lines, ElementsAre("the metric accuracy is NaN where no label counts"));
  EXPECT_EQ(json::dump(make_metrics({{"confusion_matrix"}})({logits, none})),
            R"({"confusion_matrix": [[0, 0, 0], [0, 0, 0], [0, 0, 0]]})");
  EXPECT_TRUE(std::isnan(one({"r2"}, at::ones({1}), at::ones({1}))));
  EXPECT_TRUE(std::isnan(one({"pearson"}, at::ones({3}), at::arange(3, at::kFloat))));
  EXPECT_TRUE(std::isnan(one({"roc_auc"}, at::full({4}, NAN), at::tensor({0, 1, 0, 1}))));
}

TEST_F(MetricsTest, ManyRowsAreComputedInParts) {
  at::manual_seed(3);
  const auto many = at::randn({700, 4000}), some = at::randint(4000, {700}, at::kLong);
  const double expected = std::exp(at::cross_entropy_loss(many.to(at::kDouble), some).item<double>());
  EXPECT_NEAR(one({"perplexity"}, many, some), expected, 1e-9 * expected);
  const auto tokens = many.view({7, 100, 4000}).to(at::kHalf);
  EXPECT_NEAR(one({"perplexity"}, tokens, some.view({7, 100})), expected, 1e-2 * expected);
}

at::Tensor read_tensor(const json::value& v) {
  std::vector<double> data;
  for (const auto& number : v.at("data").as_array()) data.push_back(number.to_number<double>());
  std::vector<std::int64_t> shape;
  for (const auto& size : v.at("shape").as_array()) shape.push_back(size.as_int64());
  return at::tensor(data, at::kDouble).view(shape).to(v.at("type") == "float" ? at::kFloat : at::kLong);
}

void expect_near(const json::value& found, const json::value& expected, const std::string& what) {
  if (expected.is_array()) {
    EXPECT_EQ(json::dump(found), json::dump(expected)) << what;
    return;
  }
  const double a = found.to_number<double>(), b = expected.to_number<double>();
  EXPECT_TRUE((std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= 1e-9 * (1 + std::abs(b)))
      << what << ": " << a << ", and scikit-learn " << b;
}

TEST(RecordedMetrics, AreScikitLearns) {
  log::set_sink([](log::Level, std::string_view) {});
  const char* here = std::getenv("TRAINER_RECORDED_METRICS");
  const auto cases = json::parse_file(here ? here : TRAINER_SOURCE_DIR "/tests/host/recorded/metrics.json").as_array();
  ASSERT_GT(cases.size(), 20u);
  for (const auto& one : cases) {
    std::vector<MetricSpec> metrics;
    for (const auto& v : one.at("metrics").as_array()) {
      const auto& entry = v.as_object();
      MetricSpec metric{.name = entry.at("name").as_string().c_str()};
      if (entry.contains("average")) metric.average = entry.at("average").as_string().c_str();
      if (entry.contains("k")) metric.k = entry.at("k").as_int64();
      metric.shift = entry.contains("shift");
      metrics.push_back(metric);
    }
    const auto compute =
        make_metrics(metrics, {.problem_type = std::string(one.at("problem_type").as_string().c_str())});
    const auto found = compute({read_tensor(one.at("predictions")), read_tensor(one.at("labels"))});
    ASSERT_EQ(found.size(), metrics.size());
    for (std::size_t i = 0; i < metrics.size(); ++i)
      expect_near(found.at(metrics[i].log_name()), one.at("expected").as_array()[i],
                  json::dump(one.at("metrics").as_array()[i]) + " of " + json::dump(one.at("predictions")) + " and " +
                      json::dump(one.at("labels")));
  }
  log::set_sink({});
}

}  // namespace
