// SPDX-License-Identifier: Apache-2.0
//
// The Trainer with an exported model.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <trainer/sdk.hpp>

#include "exported/model_file.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/pt2.hpp"
#include "trainer/trainer.hpp"

namespace trainer {
namespace {

using test::ModelFile;
using testing::UnorderedElementsAre;

struct Pt2Training : testing::Test {
  Pt2Training() {
    file.meta =
        json::object{{"format", 1},
                     {"parameter_order", json::array{"body.0.weight", "body.0.bias", "norm.weight", "norm.bias"}},
                     {"layer_norm_parameters", json::array{"norm.weight", "norm.bias"}},
                     {"accepts_loss_kwargs", true},
                     {"files", json::object{{"config.json", "{\"hidden\": 4}"}}}};
  }
  TrainerOptions options(const std::string& output_dir) {
    file.write(scratch / "model.pt2");
    TrainerOptions out;
    out.model = load_pt2(scratch / "model.pt2");
    out.args.update({{"output_dir", (scratch / output_dir).string()},
                     {"max_steps", 6},
                     {"per_device_train_batch_size", 4},
                     {"learning_rate", 0.1},
                     {"weight_decay", 0.5},
                     {"save_steps", 2},
                     {"logging_steps", 1},
                     {"disable_tqdm", true},
                     {"report_to", "none"},
                     {"use_cpu", true}},
                    "test");
    out.quiet = true;
    out.train_dataset = std::make_shared<TensorDataset>(at::sin(at::arange(30, at::kFloat)).reshape({10, 3}),
                                                        at::arange(10).remainder(4));
    return out;
  }
  std::map<std::string, at::Tensor> weights(const std::filesystem::path& directory) {
    std::map<std::string, at::Tensor> out;
    for (auto& [name, tensor] : load_safetensors(directory / "model.safetensors")) out[name] = tensor;
    return out;
  }

  test::ScratchDirectory scratch;
  ModelFile file;
};

class Watching final : public sdk::TrainerCallback {
 public:
  explicit Watching(const sdk::Host& host) : host_(host) {}
  void on_step_begin(const Arguments&, const State& state, Control&) override {
    const auto optimizer = host_.optimizer();
    names.clear();
    for (std::uint64_t group = 0; group < optimizer->size(); ++group) {
      for (const auto name : optimizer->group(group).params) names += std::string(name) + " ";
      names += "/ ";
    }
    optimizer->set_lr(1, state.global_step == 2 ? 0.0 : optimizer->lr(1));
    bias_moves.push_back(host_.parameters()[1].norms().l2 != bias_);
    bias_ = host_.parameters()[1].norms().l2;
  }
  static inline std::string names;
  static inline std::vector<bool> bias_moves;

 private:
  sdk::Host host_;
  double bias_ = -1;
};

TEST_F(Pt2Training, APluginSetsTheRateOfAGroup) {
  auto given = options("out");
  given.args.save_strategy = "no";
  given.callbacks = {CallbackSpec::plugin(sdk::plugin_table<Watching>())};
  Trainer(std::move(given)).train();
  EXPECT_EQ(Watching::names, "body.0.weight / body.0.bias norm.weight / ");
  EXPECT_EQ(Watching::bias_moves, (std::vector<bool>{true, true, true, false, true, true})) << "step 2 has the rate 0";
}

TEST_F(Pt2Training, WritesWhatFromPretrainedReads) {
  Trainer trainer(options("out"));
  trainer.train();
  trainer.save_model(scratch / "model");
  for (const auto& directory : {scratch / "out/checkpoint-2", scratch / "model"}) {
    EXPECT_EQ(test::contents(directory / "config.json"), "{\"hidden\": 4}");
    std::vector<std::string> names;
    for (const auto& [name, tensor] : weights(directory)) names.push_back(name);
    // The constant of the graph is none of them.
    EXPECT_THAT(names, UnorderedElementsAre("body.0.weight", "body.0.bias", "norm.weight", "norm.bias", "calls"));
  }
  EXPECT_EQ(weights(scratch / "model").at("calls").item<std::int64_t>(), 6);
  const auto& groups = trainer.optimizer()->param_groups();
  EXPECT_THAT(groups[0].names, testing::ElementsAre("body.0.weight"));
  EXPECT_THAT(groups[1].names, testing::ElementsAre("body.0.bias", "norm.weight"));  // one is frozen
}

TEST_F(Pt2Training, ResumesWithTheSameNumbers) {
  Trainer(options("straight")).train();
  Trainer cut(options("cut"));
  cut.train();
  Trainer resumed(options("resumed"));
  resumed.train(scratch / "cut/checkpoint-2");
  for (const auto& [name, tensor] : weights(scratch / "straight/checkpoint-6"))
    EXPECT_TRUE(at::equal(tensor, weights(scratch / "resumed/checkpoint-6").at(name))) << name;
}

TEST_F(Pt2Training, EvaluatesLabelsOfAnotherName) {
  TrainerOptions given = options("out");
  given.model = load_pt2(scratch / "model.pt2", {.loss = {}, .inputs = {{"labels", "positions"}}, .outputs = {}});
  const auto features = at::sin(at::arange(30, at::kFloat)).reshape({10, 3});
  given.train_dataset =
      std::make_shared<TensorDataset>(Batch{{"features", features}, {"positions", at::arange(10) % 4}});
  given.eval_dataset = given.train_dataset;
  const json::object metrics = Trainer(std::move(given)).evaluate();
  TrainerOptions same = options("same");
  same.eval_dataset = same.train_dataset;
  EXPECT_EQ(metrics.at("eval_loss"), Trainer(std::move(same)).evaluate().at("eval_loss"));
}

}  // namespace
}  // namespace trainer
