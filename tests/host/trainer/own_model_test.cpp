// SPDX-License-Identifier: Apache-2.0
//
// A model of another source than torch::nn: it has parameters by name and computes by itself. The Trainer sees it
// through Model alone.
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <algorithm>

#include "support/error_of.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/log.hpp"
#include "trainer/trainer.hpp"

namespace {

using namespace trainer;
using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

/// Plain modules for the parts of dotted names.
struct Tree : torch::nn::Module {
  torch::nn::Module& place(std::string_view path) {
    torch::nn::Module* at = this;
    for (std::size_t begin = 0, end; begin < path.size(); begin = end + 1) {
      end = std::min(path.find('.', begin), path.size());
      const std::string part(path.substr(begin, end - begin));
      const auto children = at->named_children();
      const auto* child = children.find(part);
      at = child ? child->get() : at->register_module(part, std::make_shared<torch::nn::Module>()).get();
    }
    return *at;
  }
};

/// As an interpreter of a graph has it: tied weights, a frozen parameter, a LayerNorm that is no module, a counter that
/// training changes, a constant that is no part of a checkpoint, and an evaluation that computes otherwise.
struct Graph : Model {
  Graph() {
    weight = tree->place("embed").register_parameter("weight", at::eye(3));
    tree->place("layers.0.ln").register_parameter("gamma", at::ones({3}));
    gamma = tree->place("layers.0.ln").named_parameters().begin()->value();
    frozen = tree->place("layers.0").register_parameter("frozen", at::ones({3}), /*requires_grad=*/false);
    tree->place("head").register_parameter("weight", weight);
    calls = tree->register_buffer("calls", at::zeros({}, at::kLong));
    constant = at::ones({3});
  }
  ModelOutput forward(const Batch& inputs) override {
    at::Tensor x = at::linear(at::linear(inputs["x"], weight) * gamma + frozen + constant, weight);
    if (tree->is_training()) {
      calls.add_(1);
      x = x * 2;
    }
    ModelOutput out{{}, x};
    if (inputs["labels"].defined()) out.loss = at::mse_loss(x, inputs["labels"]);
    return out;
  }
  torch::nn::Module& module() override { return *tree; }
  using Model::to;
  void to(const at::Device& device) override {
    Model::to(device);
    constant = constant.to(device);
    moves.push_back(device.str());
  }
  std::vector<std::string> layer_norm_parameters() const override { return {"layers.0.ln.gamma"}; }
  json::object config() const override { return {{"model_type", "graph"}}; }
  double floating_point_ops(const Batch& inputs) const override { return 10.0 * static_cast<double>(inputs.rows()); }

  std::shared_ptr<Tree> tree = std::make_shared<Tree>();
  at::Tensor weight, gamma, frozen, calls, constant;
  std::vector<std::string> moves;
};

struct OwnModelTest : testing::Test {
  OwnModelTest() {
    log::set_sink([](log::Level, std::string_view) {});
    torch::manual_seed(0);
    data = std::make_shared<TensorDataset>(Batch{{"x", torch::randn({8, 3})}, {"labels", torch::randn({8, 3})}});
  }
  ~OwnModelTest() override { log::set_sink({}); }
  TrainerOptions options(const std::shared_ptr<Model>& model) {
    TrainerOptions o;
    o.model = model;
    o.args.output_dir = scratch.path().string();
    o.args.report_to = {};
    o.args.max_steps = 4;
    o.args.save_steps = 2;
    o.args.per_device_train_batch_size = 4;
    o.args.weight_decay = 0.1;
    o.args.use_cpu = true;
    o.args.disable_tqdm = true;
    o.quiet = true;
    o.train_dataset = data;
    return o;
  }
  test::ScratchDirectory scratch;
  std::shared_ptr<TensorDataset> data;
};

TEST_F(OwnModelTest, IsTrainedByItsNamesAndFacts) {
  const auto model = std::make_shared<Graph>();
  Trainer trainer(options(model));
  EXPECT_THAT(model->moves, ElementsAre("cpu"));
  trainer.train();
  const auto& groups = trainer.optimizer()->param_groups();
  EXPECT_THAT(groups[0].names, ElementsAre("embed.weight"));
  EXPECT_THAT(groups[1].names, ElementsAre("layers.0.ln.gamma")) << "the model says that a LayerNorm has it";
  EXPECT_EQ(model->calls.item<int>(), 4);
  EXPECT_EQ(trainer.state().total_flos, 4 * 10.0 * 4);
  EXPECT_TRUE(at::equal(model->frozen, at::ones({3})));
  std::vector<std::string> names;
  for (const auto& [name, tensor] : load_safetensors(scratch / "checkpoint-4" / "model.safetensors"))
    names.push_back(name);
  EXPECT_THAT(names, testing::UnorderedElementsAre("embed.weight", "layers.0.ln.gamma", "layers.0.frozen", "calls"));
}

TEST_F(OwnModelTest, EndsWithTheSameBitsWhenItIsResumed) {
  const auto whole = std::make_shared<Graph>(), resumed = std::make_shared<Graph>();
  Trainer(options(whole)).train();
  Trainer(options(resumed)).train(scratch / "checkpoint-2");
  EXPECT_TRUE(at::equal(whole->weight, resumed->weight));
  EXPECT_TRUE(at::equal(whole->gamma, resumed->gamma));
  EXPECT_EQ(resumed->calls.item<int>(), 4) << "a buffer goes on from the checkpoint";
}

TEST_F(OwnModelTest, KnowsTrainingFromEvaluationAndDoesWithoutLabels) {
  const auto model = std::make_shared<Graph>();
  auto o = options(model);
  Trainer trainer(std::move(o));
  const auto x = data->columns()["x"];
  const auto out = trainer.predict(std::make_shared<TensorDataset>(Batch{{"x", x}}));
  EXPECT_EQ(model->calls.item<int>(), 0);
  EXPECT_TRUE(at::allclose(out.predictions, x + 2));
  EXPECT_FALSE(out.label_ids.defined());
  EXPECT_FALSE(out.metrics.contains("test_loss"));
}

TEST_F(OwnModelTest, NullPartsAreToldWhereTheyAreGiven) {
  EXPECT_THAT(error_of([] { make_model(nullptr, [](const Batch&) { return ModelOutput(); }); }),
              HasSubstr("no module"));
  EXPECT_THAT(error_of([] { make_model(torch::nn::Linear(1, 1), nullptr); }), HasSubstr("no forward function"));
  EXPECT_THAT(error_of([&] { Trainer(options(nullptr)); }), HasSubstr("neither model and model_init"));
  EXPECT_THAT(error_of([&] {
                auto o = options(std::make_shared<Graph>());
                o.model_init = [] { return std::make_shared<Graph>(); };
                Trainer(std::move(o));
              }),
              HasSubstr("both model and model_init"));
  EXPECT_THAT(error_of([&] {
                auto o = options(nullptr);
                o.model_init = [] { return std::shared_ptr<Model>(); };
                Trainer(std::move(o));
              }),
              HasSubstr("model_init gave a null model"));
}

}  // namespace
