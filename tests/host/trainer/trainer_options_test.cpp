// SPDX-License-Identifier: Apache-2.0
//
// The functions that a program gives to a Trainer, as transformers' constructor has them, and the parts that a class
// overrides.
#include <cmath>

#include "trainer/trainer_options.hpp"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include "support/scratch_directory.hpp"
#include "trainer/log.hpp"
#include "trainer/trainer.hpp"

namespace {

using namespace trainer;
using testing::ElementsAre;
using testing::HasSubstr;

std::shared_ptr<Model> linear() { return supervised(torch::nn::Linear(3, 1), mse_loss); }

struct TrainerOptionsTest : testing::Test {
  TrainerOptionsTest() {
    log::set_sink([this](log::Level level, std::string_view text) {
      if (level >= log::Level::warning) warnings.emplace_back(text);
    });
    torch::manual_seed(0);
    x = torch::randn({8, 3});
    y = torch::randn({8, 1});
    data = std::make_shared<TensorDataset>(x, y);
  }
  ~TrainerOptionsTest() override { log::set_sink({}); }
  TrainerOptions options(std::shared_ptr<Model> model = linear()) {
    TrainerOptions o;
    o.model = std::move(model);
    o.args.output_dir = scratch.path().string();
    o.args.report_to = {};
    o.args.max_steps = 1;
    o.args.per_device_train_batch_size = 4;
    o.args.per_device_eval_batch_size = 4;
    o.args.optim = "sgd";
    o.args.learning_rate = 0.25;
    o.args.lr_scheduler_type = "constant";
    o.args.max_grad_norm = 0.0;
    o.args.save_strategy = "no";
    o.args.train_sampling_strategy = "sequential";
    o.args.use_cpu = true;
    o.args.disable_tqdm = true;
    o.quiet = true;
    o.train_dataset = data;
    return o;
  }
  test::ScratchDirectory scratch;
  std::vector<std::string> warnings;
  at::Tensor x, y;
  std::shared_ptr<TensorDataset> data;
};

TEST_F(TrainerOptionsTest, ModelInitMakesTheModelAnewForEachTraining) {
  auto o = options(nullptr);
  int made = 0;
  o.args.seed = 7;
  o.model_init = [&] { return ++made, linear(); };
  Trainer trainer(std::move(o));
  EXPECT_EQ(made, 1);
  torch::manual_seed(7);
  const auto expected = linear();
  EXPECT_TRUE(at::equal(trainer.model().module().parameters()[0], expected->module().parameters()[0]))
      << "the seed is set before";
  trainer.train();
  EXPECT_EQ(made, 2);
  const auto first = trainer.model().module().parameters()[0].detach().clone();
  const auto* optimizer = trainer.optimizer();
  EXPECT_TRUE(optimizer->param_groups()[0].params[0].is_same(trainer.model().module().parameters()[0]));
  trainer.train();
  EXPECT_EQ(made, 3);
  EXPECT_TRUE(at::equal(first, trainer.model().module().parameters()[0])) << "a training from the same begin";
  EXPECT_TRUE(trainer.optimizer()->param_groups()[0].params[0].is_same(trainer.model().module().parameters()[0]));
}

// With labels that do not all count, a mean of the micro-batches' means is another one than that of the step.
TEST_F(TrainerOptionsTest, ALossFunctionGetsTheItemsOfAllMicroBatches) {
  const auto labels = torch::tensor({{1, -100, -100, -100, 0, 1, 2, 0}}).view({8, 1});
  data = std::make_shared<TensorDataset>(x, labels);
  std::vector<double> items;
  std::vector<std::vector<std::int64_t>> shapes;
  auto weight_after = [&](std::int64_t batch, std::int64_t accumulation) {
    torch::manual_seed(1);
    torch::nn::Linear net(3, 3);
    auto o =
        options(supervised(net, [](const auto&, const auto&) -> at::Tensor { throw std::logic_error("not this"); }));
    o.args.per_device_train_batch_size = batch;
    o.args.gradient_accumulation_steps = accumulation;
    o.compute_loss_func = [&](const ModelOutput& outputs, const at::Tensor& labels, const at::Tensor& num_items) {
      EXPECT_FALSE(outputs.loss.defined()) << "the model has no labels";
      items.push_back(num_items.item<double>());
      shapes.push_back(labels.sizes().vec());
      return torch::nn::functional::cross_entropy(
                 outputs.logits, labels.flatten(),
                 torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum)) /
             num_items;
    };
    Trainer(std::move(o)).train();
    return net->weight.detach().clone();
  };
  const auto parts = weight_after(4, 2);
  EXPECT_THAT(items, ElementsAre(5, 5));
  EXPECT_THAT(shapes, ElementsAre(ElementsAre(4, 1), ElementsAre(4, 1)));
  EXPECT_TRUE(at::allclose(parts, weight_after(8, 1)));
}

TEST_F(TrainerOptionsTest, ALossFunctionIsCalledWithoutLabelsToo) {
  data = std::make_shared<TensorDataset>(Batch{{"features", x}});
  auto o = options();
  o.args.max_steps = 2;
  o.compute_loss_func = [](const ModelOutput& outputs, const at::Tensor& labels, const at::Tensor& num_items) {
    EXPECT_FALSE(labels.defined() || num_items.defined());
    return outputs.logits.square().mean();
  };
  Trainer(std::move(o)).train();
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("without \"labels\""))) << "once";
}

struct Counting : Model {
  ModelOutput forward(const Batch& inputs) override {
    items.push_back(inputs["num_items_in_batch"].item<double>());
    const auto logits = net->forward(inputs["features"]);
    return {at::mse_loss(logits, inputs["labels"], at::Reduction::Sum) / inputs["num_items_in_batch"], logits};
  }
  torch::nn::Module& module() override { return *net; }
  bool accepts_loss_kwargs() const override { return true; }
  bool loss_shifts_labels() const override { return shifts; }
  torch::nn::Linear net{3, 1};
  bool shifts = false;
  std::vector<double> items;
};

TEST_F(TrainerOptionsTest, AModelThatAsksForTheNumberOfItemsGetsIt) {
  auto model = std::make_shared<Counting>();
  auto o = options(model);
  o.args.gradient_accumulation_steps = 2;
  Trainer trainer(std::move(o));
  const auto out = trainer.train();
  EXPECT_THAT(model->items, ElementsAre(8, 8));
  EXPECT_GT(out.training_loss, 0);
  model->items.clear();
  trainer.evaluate(data);
  EXPECT_THAT(model->items, ElementsAre(4, 4)) << "in an evaluation each batch has its own";
  model->items.clear();
  model->shifts = true;
  data = std::make_shared<TensorDataset>(x, torch::randn({8, 1}));
  trainer.evaluate(data);
  EXPECT_THAT(model->items, ElementsAre(0, 0)) << "the first label of a row does not count";
}

TEST_F(TrainerOptionsTest, LogitsArePreprocessedForMetrics) {
  auto o = options(supervised(torch::nn::Linear(3, 4), cross_entropy));
  const auto labels = torch::tensor({0, 1, 2, 3, 0, 1, 2, 3});
  o.eval_dataset = std::make_shared<TensorDataset>(x, labels);
  std::vector<std::int64_t> rows;
  o.preprocess_logits_for_metrics = [&](const at::Tensor& logits, const at::Tensor& batch_labels) {
    rows.push_back(batch_labels.size(0));
    return logits.argmax(-1);
  };
  at::Tensor seen;
  o.compute_metrics = [&](const EvalPrediction& p) -> json::object {
    seen = p.predictions;
    return {};
  };
  Trainer trainer(std::move(o));
  trainer.evaluate();
  EXPECT_THAT(rows, ElementsAre(4, 4));
  EXPECT_EQ(seen.sizes(), at::IntArrayRef({8}));
}

TEST_F(TrainerOptionsTest, AnExceptionOfAFunctionIsAnErrorThatSaysWhere) {
  auto o = options();
  o.preprocess_logits_for_metrics = [](const at::Tensor&, const at::Tensor&) -> at::Tensor {
    throw std::runtime_error("mine");
  };
  Trainer trainer(std::move(o));
  try {
    trainer.predict(data);
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("predict at step 0: preprocess_logits_for_metrics of logits [4, 1] Float"));
    EXPECT_STREQ(e.id().text, "metric.failed");
  }
}

TEST_F(TrainerOptionsTest, EvaluationAndSavingCanBeOverridden) {
  struct Own : Trainer {
    using Trainer::evaluate;
    using Trainer::Trainer;
    json::object evaluate(const std::shared_ptr<AnyDataset>& dataset, const std::string& prefix) override {
      calls.push_back("evaluate");
      return Trainer::evaluate(dataset, prefix);
    }
    PredictionOutput predict(const std::shared_ptr<AnyDataset>& dataset, const std::string& prefix) override {
      calls.push_back("predict");
      return Trainer::predict(dataset, prefix);
    }
    PredictionOutput evaluation_loop(std::shared_ptr<DataLoader> loader, bool, const std::string& prefix) override {
      begin_evaluation(loader);
      loader->begin_epoch(0);
      while (loader->next()) fire(TRAINER_ON_PREDICTION_STEP);
      return {{}, {}, {{prefix + "_own", device().is_cpu() && train_batch_size() == 4 && !compute_metrics()}}};
    }
    void save_model(const std::filesystem::path& directory) const override { Trainer::save_model(directory / "model"); }
    std::vector<std::string> calls;
  };
  auto o = options();
  o.eval_dataset = data;
  o.args.eval_strategy = "steps";
  o.args.eval_steps = Number(1);
  Own trainer(std::move(o));
  trainer.train();
  trainer.predict(data, "test");
  Trainer& base = trainer;
  base.save_model(scratch / "saved");
  EXPECT_THAT(trainer.calls, ElementsAre("evaluate", "predict"));
  EXPECT_TRUE(trainer.state().log_history[0].contains("eval_own"));
  EXPECT_TRUE(std::filesystem::exists(scratch / "saved" / "model" / "model.safetensors"));
}

TEST_F(TrainerOptionsTest, AccuracyTakesLogitsOrClasses) {
  const auto logits = torch::tensor({{0.0, 1.0}, {1.0, 0.0}, {0.0, 1.0}});
  const auto labels = torch::tensor({1, 1, -100});
  EXPECT_EQ(accuracy({logits, labels}).at("accuracy"), 0.5);
  EXPECT_EQ(accuracy({logits.argmax(-1), labels}).at("accuracy"), 0.5) << "as preprocess_logits_for_metrics gives them";
  EXPECT_THROW(accuracy({logits, labels.view({3, 1})}), Error) << "else each is compared with each";
  EXPECT_THROW(accuracy({logits.select(1, 0), labels}), Error);
}

TEST_F(TrainerOptionsTest, WhatAModelOrAFunctionDoesNotGiveIsNamed) {
  const auto lossy = [](const Batch& batch) {
    return ModelOutput{.loss = (batch["features"] - batch["labels"]).pow(2).mean(), .logits = {}};
  };
  auto o = options(make_model(torch::nn::Linear(3, 1), lossy));
  o.compute_metrics = [](const EvalPrediction&) { return json::object{{"m", "a text"}}; };
  EXPECT_TRUE(Trainer(std::move(o)).evaluate(data).contains("eval_loss")) << "a model may give its loss alone";
  const auto error_of = [](TrainerOptions given, bool evaluates) -> std::string {
    try {
      Trainer trainer(std::move(given));
      evaluates ? void(trainer.evaluate()) : void(trainer.train());
    } catch (const Error& e) {
      return e.what();
    }
    return "no Error";
  };
  o = options();
  o.eval_dataset = data;
  o.compute_metrics = [](const EvalPrediction&) { return json::object{{"m", "a text"}}; };
  auto scalar = o;
  scalar.preprocess_logits_for_metrics = [](const at::Tensor& logits, const at::Tensor&) { return logits.sum(); };
  EXPECT_THAT(error_of(std::move(scalar), true), HasSubstr("preprocess_logits_for_metrics of logits"));
  auto text = o;
  text.args.eval_strategy = "steps";
  text.args.eval_steps = 1;
  text.args.metric_for_best_model = "m";
  EXPECT_THAT(error_of(std::move(text), false),
              HasSubstr("but the evaluation gave \"a text\" for it; expected a number"));
  o.compute_loss_func = [](const ModelOutput&, const at::Tensor&, const at::Tensor&) { return at::Tensor(); };
  EXPECT_THAT(error_of(std::move(o), false), HasSubstr("compute_loss_func gave an undefined tensor"));
}

TEST_F(TrainerOptionsTest, OperationsThatNoCheckpointCouldHoldAreRefused) {
  struct Counting : Trainer {
    using Trainer::Trainer;
    double floating_point_ops(const Batch&) override { return std::nan(""); }
  };
  Counting trainer(options());
  EXPECT_THROW(trainer.train(), Error);
}

}  // namespace
