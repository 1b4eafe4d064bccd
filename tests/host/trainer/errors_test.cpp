// SPDX-License-Identifier: Apache-2.0
//
// Whatever leaves a Trainer is an Error that says what it was doing, at which step, and on what.
#include "trainer/trainer.hpp"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <new>

#include "support/scratch_directory.hpp"
#include "trainer/log.hpp"

namespace {

using namespace trainer;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
namespace fs = std::filesystem;

struct Rows : Dataset {
  std::int64_t size() const override { return 12; }
  Batch get_batch(const at::Tensor& indices) const override {
    if (calls++ == 1) fail();
    return {{"features", torch::ones({indices.numel(), 3})}, {"labels", torch::ones({indices.numel(), 1})}};
  }
  std::function<void()> fail = [] {};
  mutable std::atomic<int> calls{0};
};

struct ErrorsTest : testing::Test {
  ErrorsTest() {
    log::set_sink([](log::Level, std::string_view) {});
    options.model = supervised(torch::nn::Linear(3, 1), mse_loss);
    options.args.output_dir = dir.string();
    options.args.report_to = {};
    options.args.max_steps = 3;
    options.args.per_device_train_batch_size = options.args.per_device_eval_batch_size = 4;
    options.args.save_strategy = "no";
    options.args.train_sampling_strategy = "sequential";
    options.args.use_cpu = true;
    options.args.disable_tqdm = true;
    options.quiet = true;
    options.train_dataset = data;
  }
  ~ErrorsTest() override { log::set_sink({}); }
  template <typename F>
  Error caught(F&& f) {
    try {
      Trainer trainer{TrainerOptions(options)};
      f(trainer);
    } catch (const Error& e) {
      return e;
    }
    return {ErrorKind::usage, error_id::run_failed, "nothing was thrown"};
  }
  Error in_training() {
    return caught([](Trainer& t) { t.train(); });
  }
  Error in_evaluation() {
    return caught([&](Trainer& t) { t.evaluate(data); });
  }
  template <typename E>
  static std::string cause_of(const Error& e) {
    try {
      if (e.cause()) std::rethrow_exception(e.cause());
    } catch (const E& cause) {
      return cause.what();
    }
    return "none";
  }

  test::ScratchDirectory scratch;
  const fs::path dir = scratch.path();
  std::shared_ptr<Rows> data = std::make_shared<Rows>();
  TrainerOptions options;
};

TEST_F(ErrorsTest, ADatasetsExceptionNamesTheRows) {
  data->fail = [] { throw std::out_of_range("no such file"); };
  for (const int workers : {0, 2}) {
    data->calls = 0;
    options.args.dataloader_num_workers = workers;
    const auto e = in_training();
    EXPECT_THAT(e.what(), AllOf(StartsWith("train at step "), HasSubstr("rows "),
                                HasSubstr("of the dataset: no such file"), HasSubstr("[data.failed]")));
    EXPECT_EQ(e.phase(), "train");
    EXPECT_EQ(cause_of<std::out_of_range>(e), "no such file");
  }
  data->calls = 0;
  options.args.dataloader_num_workers = 0;
  const auto e = in_evaluation();
  EXPECT_EQ(e.sentence(), "evaluate at step 0: rows 4, 5, 6, 7 of the dataset: no such file");
  EXPECT_EQ(e.phase(), "evaluate");
  EXPECT_EQ(e.step(), 0);
}

TEST_F(ErrorsTest, AnErrorOfTheDatasetKeepsItsId) {
  data->fail = [] { throw_run(error_id::file_read_failed, "a.bin: gone"); };
  const auto e = in_training();
  EXPECT_EQ(e.sentence(), "train at step 1: rows 4, 5, 6, 7 of the dataset: a.bin: gone");
  EXPECT_STREQ(e.id().text, "file.read-failed");
}

TEST_F(ErrorsTest, WhatIsNoExceptionIsAnErrorToo) {
  data->fail = [] { throw 5; };
  EXPECT_THAT(in_training().what(), HasSubstr("something was thrown that is not a std::exception [data.failed]"));
}

TEST_F(ErrorsTest, MemoryThatIsExhaustedHasItsId) {
  data->fail = [] { throw std::bad_alloc(); };
  EXPECT_THAT(in_training().what(), AllOf(HasSubstr("std::bad_alloc"), HasSubstr("[memory.exhausted]")));
}

TEST_F(ErrorsTest, AModelsExceptionNamesTheShapesOfTheBatch) {
  options.model = supervised(torch::nn::Linear(5, 1), mse_loss);
  const std::string text =
      "batch features [4, 3] Float, labels [4, 1] Float: mat1 and mat2 shapes cannot be multiplied "
      "(4x3 and 5x1)";
  auto e = in_training();
  EXPECT_EQ(e.sentence(), "train at step 0: " + text) << "and no stack of C++";
  EXPECT_STREQ(e.id().text, "model.failed");
  EXPECT_THAT(cause_of<c10::Error>(e), HasSubstr("mat1 and mat2"));
  e = in_evaluation();
  EXPECT_EQ(e.sentence(), "evaluate at step 0: " + text);
  e = caught([&](Trainer& t) { t.predict(data); });
  EXPECT_EQ(e.sentence(), "predict at step 0: " + text);
  EXPECT_EQ(e.phase(), "predict");
}

TEST_F(ErrorsTest, ABatchThatDoesNotFitIsSaidWithWhatIsInIt) {
  const auto trained_on = [&](at::Tensor features, at::Tensor labels) {
    options.train_dataset = std::make_shared<TensorDataset>(std::move(features), std::move(labels));
    return std::string(in_training().what());
  };
  const auto floats = torch::ones({12, 3});
  // torch's own loss, as in models of PyTorch.
  options.model = supervised(torch::nn::Linear(3, 2), [](const auto& logits, const auto& labels) {
    return torch::nn::functional::cross_entropy(logits, labels);
  });
  EXPECT_THAT(trained_on(floats, torch::arange(12) % 5 - 1),
              AllOf(HasSubstr("Target "), HasSubstr("\"labels\" has the classes -1 to 2, expected 0 to"),
                    HasSubstr("an output for each class [model.failed]")));
  options.model = supervised(torch::nn::Linear(3, 2), [](const auto& logits, const auto& labels) {
    return torch::nn::functional::cross_entropy(logits, labels,
                                                torch::nn::functional::CrossEntropyFuncOptions().ignore_index(-1));
  });
  EXPECT_THAT(trained_on(floats, torch::full({12}, -100, torch::kLong)),
              HasSubstr("Target -100 is out of bounds. [model.failed]"));
  const auto type = AllOf(HasSubstr("batch features"), HasSubstr("give tokens and classes as int64"));
  EXPECT_THAT(trained_on(floats, torch::ones({12})), type);
  EXPECT_THAT(trained_on(floats.to(torch::kLong), torch::arange(12) % 2), type);
  EXPECT_THAT(trained_on(floats.to(torch::kDouble), torch::arange(12) % 2), type);
  auto table = std::make_shared<torch::nn::EmbeddingImpl>(5, 1);
  options.model = make_model(
      table, [table](const Batch& batch) { return ModelOutput{table->forward(batch["features"]).mean(), {}}; });
  EXPECT_THAT(trained_on(torch::arange(12), torch::zeros({12})),
              AllOf(HasSubstr("index out of range"), HasSubstr("which has features 4 to 7,"), HasSubstr("tokenizer")));
}

TEST_F(ErrorsTest, ALossAndABackwardPassAreTheModelsToo) {
  options.model = supervised(torch::nn::Linear(3, 1),
                             [](const auto&, const auto&) -> at::Tensor { throw std::runtime_error("my loss"); });
  EXPECT_THAT(in_training().what(), AllOf(HasSubstr("labels [4, 1]"), HasSubstr(": my loss [model.failed]")));
  options.model =
      supervised(torch::nn::Linear(3, 1), [](const auto& logits, const auto&) { return logits.detach().mean(); });
  EXPECT_THAT(in_training().what(), AllOf(HasSubstr("batch features"), HasSubstr("does not require grad")));
  options.model = supervised(torch::nn::Linear(3, 1), [](const auto& logits, const auto&) { return logits; });
  EXPECT_THAT(in_training().what(), HasSubstr("grad can be implicitly created only for scalar outputs"));
}

TEST_F(ErrorsTest, AnExceptionInAnEvaluationOfATrainingIsTheEvaluations) {
  options.eval_dataset = std::static_pointer_cast<Dataset>(data);
  options.args.eval_strategy = "steps";
  options.args.eval_steps = Number(2);
  options.compute_metrics = [](const EvalPrediction&) -> json::object { throw std::logic_error("my metric"); };
  const auto e = in_training();
  EXPECT_EQ(e.sentence(),
            "evaluate at step 2: compute_metrics of predictions [12, 1] Float and label_ids [12, 1] Float: my metric");
  EXPECT_STREQ(e.id().text, "metric.failed");
  EXPECT_EQ(e.step(), 2);
}

TEST_F(ErrorsTest, AFileThatIsInTheWayIsAnErrorOfSaving) {
  std::ofstream(dir / "file") << "x";
  const auto e = caught([&](Trainer& t) { t.save_model(dir / "file" / "model"); });
  EXPECT_THAT(e.what(), AllOf(StartsWith("save at step 0: "), HasSubstr("[directory.unusable]")));
  EXPECT_EQ(e.phase(), "save");

  options.args.save_strategy = "steps";
  options.args.save_steps = 1;
  struct Spoil : TrainerCallback {
    void on_step_end(CallbackContext& context) override {
      fs::remove_all(context.args.output_dir);
      std::ofstream(context.args.output_dir) << "x";
    }
  };
  options.callbacks = {CallbackSpec::of<Spoil>()};
  const auto full = in_training();
  EXPECT_THAT(full.what(), StartsWith("checkpoint at step 1: "));
  EXPECT_EQ(full.phase(), "checkpoint");
  EXPECT_EQ(full.step(), 1);
}

TEST_F(ErrorsTest, PartsThatAProgramReplacesAreCoveredToo) {
  struct Own : Trainer {
    using Trainer::Trainer;
    std::unique_ptr<Optimizer> create_optimizer() override { throw std::invalid_argument("my optimizer"); }
  };
  Own trainer{TrainerOptions(options)};
  try {
    trainer.train();
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "train at step 0: my optimizer [run.failed]");
  }
}

TEST_F(ErrorsTest, ACallbacksSentenceIsLeftAsItIs) {
  struct Throws : TrainerCallback {
    void on_step_end(CallbackContext&) override { throw std::runtime_error("mine"); }
  };
  options.callbacks = {CallbackSpec::of<Throws>()};
  const auto e = in_training();
  EXPECT_EQ(e.sentence(), "callback Throws failed in on_step_end at step 1: mine");
  EXPECT_EQ(e.phase(), "train");
  EXPECT_EQ(e.step(), 1);
}

TEST_F(ErrorsTest, ADatasetWithoutRowsIsNamedSo) {
  options.train_dataset = std::make_shared<TensorDataset>(torch::zeros({0, 3}), torch::zeros({0, 1}));
  EXPECT_THAT(in_training().what(), AllOf(HasSubstr("has no rows"), Not(HasSubstr("batch_size"))));
}

TEST_F(ErrorsTest, ANullDatasetIsRefused) {
  for (const auto& e :
       {caught([](Trainer& t) { t.evaluate(nullptr); }), caught([](Trainer& t) { t.predict(nullptr); })})
    EXPECT_THAT(e.what(), AllOf(HasSubstr("null dataset"), HasSubstr("[data.missing]")));
}

TEST_F(ErrorsTest, EvaluationSetsNeedNamesOfTheirOwn) {
  EvalDatasets sets, one(data);
  EXPECT_THROW(sets.add("", data), Error);
  sets.add("a", data);
  EXPECT_THROW(sets.add("", data), Error);
  EXPECT_THROW(sets.add("a", data), Error);
  EXPECT_THROW(one.add("b", data), Error);
}

}  // namespace
