// SPDX-License-Identifier: Apache-2.0
//
// A parameter with several names is one parameter: for the optimizer, the norm, plugins and checkpoints.
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <filesystem>

#include "model/tensor_views.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/log.hpp"
#include "trainer/safetensors.hpp"
#include "trainer/trainer.hpp"

namespace {

using namespace trainer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;
namespace fs = std::filesystem;

struct LayerImpl : torch::nn::Module {
  explicit LayerImpl(const at::Tensor& w) : weight(register_parameter("weight", w)) {}
  at::Tensor forward(const at::Tensor& x) { return at::linear(x, weight); }
  at::Tensor weight;
};
TORCH_MODULE(Layer);

/// A first layer whose weight is also the last one's, as in most language models; `tied` false: two of their own.
struct TiedImpl : torch::nn::Module {
  explicit TiedImpl(bool tied = true)
      : embed(register_module("embed", Layer(torch::randn({3, 3})))),
        head(register_module("head", Layer(tied ? embed->weight : torch::randn({3, 3})))) {
    register_buffer("scale", torch::ones({3}));
  }
  at::Tensor forward(const at::Tensor& x) { return head(embed(x).tanh()); }
  Layer embed, head;
};
TORCH_MODULE(Tied);

struct TiedWeightsTest : testing::Test {
  TiedWeightsTest() {
    log::set_sink([this](log::Level level, std::string_view text) {
      if (level >= log::Level::warning) warnings.emplace_back(text);
    });
    torch::manual_seed(0);
    x = torch::randn({8, 3});
    y = torch::randn({8, 3});
  }
  ~TiedWeightsTest() override { log::set_sink({}); }
  TrainerOptions options(const Tied& model) {
    TrainerOptions o;
    o.model = supervised(model, mse_loss);
    o.args.output_dir = dir.string();
    o.args.report_to = {};
    o.args.max_steps = 2;
    o.args.logging_steps = 1;
    o.args.save_steps = 1;
    o.args.optim = "sgd";
    o.args.learning_rate = 0.25;
    o.args.lr_scheduler_type = "constant";
    o.args.max_grad_norm = 0.0;
    o.args.use_cpu = true;
    o.args.disable_tqdm = true;
    o.args.train_sampling_strategy = "sequential";
    o.quiet = true;
    o.train_dataset = std::make_shared<TensorDataset>(x, y);
    return o;
  }
  test::ScratchDirectory scratch;
  const fs::path dir = scratch.path();
  std::vector<std::string> warnings;
  at::Tensor x, y;
};

TEST_F(TiedWeightsTest, AreSteppedOnceAndCountOnceInTheNorm) {
  Tied net;
  auto weight = net->embed->weight.detach().clone().requires_grad_();
  std::vector<double> norms;
  for (int step = 0; step < 2; ++step) {
    const auto loss = at::mse_loss(at::linear(at::linear(x, weight).tanh(), weight), y);
    const auto gradient = torch::autograd::grad({loss}, {weight})[0];
    norms.push_back(at::linalg_vector_norm(gradient, 2).item<double>());
    weight = (weight.detach() - 0.25 * gradient).requires_grad_();
  }
  Trainer trainer(options(net));
  trainer.train();
  EXPECT_TRUE(at::equal(net->embed->weight, weight)) << "the very bits of a plain loop";
  EXPECT_TRUE(net->head->weight.is_same(net->embed->weight));
  for (int step = 0; step < 2; ++step)
    EXPECT_NEAR(trainer.state().log_history[step].at("grad_norm").as_double(), norms[step], 1e-6);
  ASSERT_EQ(trainer.optimizer()->param_groups()[0].params.size(), 1u);
  EXPECT_THAT(trainer.optimizer()->param_groups()[0].names, ElementsAre("embed.weight"));
}

TEST_F(TiedWeightsTest, AreOneTensorForPlugins) {
  const Tied net;
  net->embed->weight.mutable_grad() = torch::ones({3, 3});
  const auto model = supervised(net, mse_loss);
  TensorViews views;
  views.set_model(model.get());
  EXPECT_EQ(views.count(TRAINER_OF_MODEL), 2u) << "embed.weight and scale";
  EXPECT_EQ(views.count(TRAINER_OF_GRADIENTS), 1u);
}

TEST_F(TiedWeightsTest, AreKeptOnceInACheckpointAndTiedWhenItIsLoaded) {
  Tied net;
  Trainer(options(net)).train();
  const fs::path file = dir / "checkpoint-1" / "model.safetensors";
  std::vector<std::string> names;
  for (const auto& [name, tensor] : load_safetensors(file)) names.push_back(name);
  EXPECT_THAT(names, UnorderedElementsAre("embed.weight", "scale"));

  Tied again;
  Trainer resumed(options(again));
  resumed.train(dir / "checkpoint-1");
  EXPECT_TRUE(at::equal(again->embed->weight, net->embed->weight));
  EXPECT_TRUE(again->head->weight.is_same(again->embed->weight));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(TiedWeightsTest, AreLoadedByAnyOfTheirNames) {
  const auto weight = torch::full({3, 3}, 2.0), scale = torch::ones({3});
  for (const char* name : {"embed.weight", "head.weight"}) {
    Tied net;
    load_weights(*net, {{name, weight}, {"scale", scale}}, "a file");
    EXPECT_TRUE(at::equal(net->embed->weight, weight)) << name;
  }
  EXPECT_THAT(warnings, IsEmpty());
  Tied net;
  load_weights(*net, {{"embed.weight", weight}, {"head.weight", weight + 1}, {"scale", scale}}, "a file");
  EXPECT_TRUE(at::equal(net->embed->weight, weight + 1)) << "as load_state_dict() of torch";
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], HasSubstr("different numbers for embed.weight and head.weight"));
  Tied apart(false);
  load_weights(*apart, {{"embed.weight", weight}, {"scale", scale}}, "a file");
  EXPECT_THAT(warnings.back(), HasSubstr("lacks head.weight"));
}

TEST_F(TiedWeightsTest, AreNamedInTheMetadataOfTheFile) {
  const Tied net;
  EXPECT_THAT(shared_names(*net), ElementsAre(Pair("head.weight", "embed.weight")));
  save_safetensors(dir / "a.safetensors", state_dict(*net), nullptr, shared_names(*net));
  EXPECT_THAT(test::contents(dir / "a.safetensors"),
              HasSubstr(R"("__metadata__":{"format":"pt","head.weight":"embed.weight"})"));
}

TEST_F(TiedWeightsTest, ViewsOfOneMemoryAreKeptApart) {
  struct Views : torch::nn::Module {
    Views() {
      const auto flat = torch::arange(6.0);
      register_parameter("first", flat.slice(0, 0, 3));
      register_parameter("second", flat.slice(0, 3, 6));
      register_buffer("all", flat);
      register_buffer("again", flat.view({6}));
    }
  };
  Views module, other;
  EXPECT_THAT(shared_names(module), ElementsAre(Pair("again", "all")));
  const auto stored = state_dict(module);
  EXPECT_EQ(stored.size(), 3u);
  for (auto& tensor : other.buffers()) tensor.zero_();
  load_weights(other, stored, "a file");
  EXPECT_TRUE(at::equal(other.named_buffers()["again"], torch::arange(6.0)));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(TiedWeightsTest, AModuleThatIsUsedTwiceIsOne) {
  struct Twice : torch::nn::Module {
    Twice() {
      const auto layer =
          register_module("a", torch::nn::Sequential(torch::nn::Linear(3, 3), torch::nn::BatchNorm1d(3)));
      register_module("b", layer);
    }
  };
  const Twice module;
  EXPECT_EQ(state_dict(module).size(), 7u);
  EXPECT_EQ(shared_names(module).size(), 7u);
  EXPECT_EQ(shared_names(module).at("b.1.running_mean"), "a.1.running_mean");
}

}  // namespace
