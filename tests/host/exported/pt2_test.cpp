// SPDX-License-Identifier: Apache-2.0
//
// A model made by hand (model_file.hpp), beside the same written with LibTorch: equal in bits.
#include "trainer/pt2.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/autocast_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exported/model_file.hpp"
#include "support/error_of.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/error.hpp"
#include "trainer/precision.hpp"

namespace trainer {
namespace {

using test::error_of;
using test::ModelFile;
using testing::ElementsAre;
using testing::HasSubstr;

std::shared_ptr<Model> load(const ModelFile& file, Pt2Options options = {}) {
  const test::ScratchDirectory scratch;
  file.write(scratch / "model.pt2");
  return load_pt2(scratch / "model.pt2", std::move(options));
}

Batch rows(std::int64_t count) {
  return {{"features", at::cos(at::arange(count * 3, at::kFloat)).reshape({count, 3})},
          {"labels", at::arange(count) % 4}};
}

struct Eager {
  ModelFile file;
  at::Tensor weight(const char* entry) { return file.tensors.at(std::string("data/weights/weight_") + entry).clone(); }
  at::Tensor w = weight("0").requires_grad_(), b = weight("1").requires_grad_(), gamma = weight("2").requires_grad_(),
             beta = weight("3"), shift = file.tensors.at("data/constants/tensor_0");

  ModelOutput forward(const Batch& batch, bool train) {
    auto x = at::layer_norm(at::linear(batch["features"], w, b), {4}, gamma, beta);
    x = at::dropout(x, 0.5, train) + (at::arange(x.size(0), at::kFloat) * 0.0).view({-1, 1}) + shift;
    return {batch["labels"].defined() ? at::cross_entropy_loss(x, batch["labels"]) : at::Tensor(), x};
  }
};

void expect_equal(const at::Tensor& found, const at::Tensor& expected) {
  ASSERT_EQ(found.defined(), expected.defined());
  if (found.defined()) {
    EXPECT_TRUE(at::equal(found, expected)) << found << expected;
  }
}

TEST(Pt2, LearnsAsEagerPytorchDoes) {
  const auto model = load(ModelFile());
  Eager eager;
  for (const std::int64_t count : {8, 8, 3, 8, 1}) {
    const Batch batch = rows(count);
    at::manual_seed(7);
    const auto found = model->forward(batch);
    at::manual_seed(7);
    const auto expected = eager.forward(batch, true);
    expect_equal(found.loss, expected.loss);
    expect_equal(found.logits, expected.logits);
    found.loss.backward();
    expected.loss.backward();
  }
  const auto own = model->module().named_parameters();
  expect_equal(own["body.0.weight"].grad(), eager.w.grad());
  expect_equal(own["body.0.bias"].grad(), eager.b.grad());
  expect_equal(own["norm.weight"].grad(), eager.gamma.grad());
  EXPECT_FALSE(own["norm.bias"].requires_grad());
  EXPECT_EQ(model->module().named_buffers()["calls"].item<std::int64_t>(), 5);
}

TEST(Pt2, EvaluatesTheGraphForEvaluation) {
  ModelFile file;
  file.evaluation = file.program;
  ModelFile evaluation = file;
  evaluation.argument("dropout", "train") = json::object{{"as_bool", false}};
  evaluation.argument("add_", "other") = json::object{{"as_int", 0}};
  file.evaluation = evaluation.program;
  const auto model = load(file);
  model->module().eval();
  Eager eager;
  expect_equal(model->forward(rows(5)).logits, eager.forward(rows(5), false).logits);
  EXPECT_EQ(model->module().named_buffers()["calls"].item<std::int64_t>(), 0);
}

TEST(Pt2, EvaluatesAPlainFileByTheNamesOfArguments) {
  ModelFile file;
  auto& weights = file.weights_config;
  weights["bn.num_batches_tracked"] = weights["calls"];
  weights.erase("calls");
  file.graph_module().at("signature").at("input_specs").at(4).at("buffer").as_object()["buffer_name"] =
      "bn.num_batches_tracked";
  const auto model = load(file);
  model->module().eval();
  Eager eager;
  expect_equal(model->forward(rows(5)).logits, eager.forward(rows(5), false).logits);
  EXPECT_EQ(model->module().named_buffers()["bn.num_batches_tracked"].item<std::int64_t>(), 0);
  model->module().train();
  model->forward(rows(5));
  EXPECT_EQ(model->module().named_buffers()["bn.num_batches_tracked"].item<std::int64_t>(), 1);
}

// The export took the number of rows from the labels.
TEST(Pt2, GivesLogitsWithoutLabels) {
  const auto model = load(ModelFile());
  model->module().eval();
  Batch batch = rows(5);
  batch.erase("labels");
  const auto found = model->forward(batch);
  expect_equal(found.logits, Eager().forward(batch, false).logits);
  EXPECT_FALSE(found.loss.defined());
  batch.erase("features");
  EXPECT_THAT(error_of([&] { model->forward(batch); }), HasSubstr("lacks features, labels, and holds "));
}

TEST(Pt2, ComputesUnderAutocast) {
  const auto model = load(ModelFile());
  model->module().eval();
  Eager eager;
  const auto with_autocast = [&](auto&& forward) {
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    const auto out = forward();
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
    return out.logits;
  };
  const Batch batch = rows(4);
  const auto plain = model->forward(batch).logits;
  const auto found = with_autocast([&] { return model->forward(batch); });
  EXPECT_FALSE(at::equal(found, plain));
  expect_equal(found, with_autocast([&] { return eager.forward(batch, false); }));
}

TEST(Pt2, HasGraphsOfItsOwnForBfloat16) {
  ModelFile file, mixed;
  mixed.argument("dropout", "train") = json::object{{"as_bool", false}};
  file.entries["extra/libtrainer/train_bfloat16.json"] = json::dump(mixed.program);
  mixed.argument("add_", "other") = json::object{{"as_int", 0}};
  file.entries["extra/libtrainer/eval_bfloat16.json"] = json::dump(mixed.program);
  const auto model = load(file);
  const Batch batch = rows(8);
  Eager eager;
  at::manual_seed(7);
  const auto found = model->forward(batch);
  at::manual_seed(7);
  expect_equal(found.loss, eager.forward(batch, true).loss);
  const Autocast autocast(at::kCPU, at::kBFloat16);
  expect_equal(model->forward(batch).loss, eager.forward(batch, false).loss);
  model->module().eval();
  expect_equal(model->forward(batch).loss, eager.forward(batch, false).loss);
  EXPECT_EQ(model->module().named_buffers()["calls"].item<std::int64_t>(), 2);
}

// Its graph names types, which a cast of the weights would not change.
TEST(Pt2, IsNotCast) {
  EXPECT_THAT(error_of([] { load(ModelFile())->to(at::kBFloat16); }), HasSubstr("is not cast to BFloat16"));
  EXPECT_EQ(error_of([] { load(ModelFile())->to(at::kFloat); }), "no error");
}

TEST(Pt2, HasPythonsNamesAndFacts) {
  ModelFile file;
  file.meta = json::object{{"format", 1},
                           {"parameter_order", json::array{"norm.weight", "norm.bias", "body.0.weight", "body.0.bias"}},
                           {"layer_norm_parameters", json::array{"norm.weight", "norm.bias"}},
                           {"accepts_loss_kwargs", true},
                           {"loss_shifts_labels", true},
                           {"saved_names", json::object{{"old.weight", "norm.weight"}}},
                           {"main_input_name", "features"},
                           {"flos_per_input", 60},
                           {"config", json::object{{"model_type", "net"}}}};
  // Another name of a tensor that is there.
  file.weights_config["head.weight"] = file.weights_config["body.0.weight"];
  const auto model = load(file);
  std::vector<std::string> names;
  for (const auto& parameter : named_parameters(*model)) names.push_back(parameter.name);
  EXPECT_THAT(names, ElementsAre("norm.weight", "norm.bias", "body.0.weight", "body.0.bias"));
  names.clear();
  for (const auto& [name, tensor] : state_dict(model->module())) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("norm.weight", "norm.bias", "body.0.weight", "body.0.bias", "calls"));
  EXPECT_EQ(shared_names(model->module()), (SharedNames{{"head.weight", "body.0.weight"}}));
  EXPECT_THAT(model->layer_norm_parameters(), ElementsAre("norm.weight", "norm.bias"));
  EXPECT_TRUE(model->accepts_loss_kwargs() && model->loss_shifts_labels());
  EXPECT_THAT(model->columns(), ElementsAre("features", "labels"));
  EXPECT_EQ(model->config(), (json::object{{"model_type", "net"}}));
  EXPECT_EQ(model->files().at("config.json"), "{\n  \"model_type\": \"net\"\n}\n");
  EXPECT_EQ(model->floating_point_ops(rows(2)), 360);
  // As Python's save_pretrained() may have renamed it.
  const test::ScratchDirectory scratch;
  save_safetensors(scratch / "theirs.safetensors", {{"old.weight", at::full({4}, 7.f)}});
  load_weights(model->module(), scratch / "theirs.safetensors", model->saved_names());
  expect_equal(model->module().named_parameters()["norm.weight"].detach(), at::full({4}, 7.f));
  const Pt2Options own{.loss = cross_entropy, .inputs = {}, .outputs = {"first", "logits"}};
  EXPECT_FALSE(load(file, own)->accepts_loss_kwargs());
}

// A plain file says nothing of them.
TEST(Pt2, SeesWhatBelongsToALayerNorm) {
  const auto model = load(ModelFile());
  EXPECT_THAT(model->layer_norm_parameters(), ElementsAre("norm.weight", "norm.bias"));
  EXPECT_FALSE(model->accepts_loss_kwargs());
  EXPECT_TRUE(model->files().empty());
}

TEST(Pt2, TakesColumnsByOtherNames) {
  const auto model = load(ModelFile(), {.loss = {}, .inputs = {{"features", "x"}}, .outputs = {}});
  EXPECT_THAT(model->columns(), ElementsAre("x", "labels"));
  model->module().eval();
  const Batch batch = rows(3);
  expect_equal(model->forward({{"x", batch["features"]}, {"labels", batch["labels"]}}).loss,
               Eager().forward(batch, false).loss);
  EXPECT_THAT(error_of([] { load(ModelFile(), {.loss = {}, .inputs = {{"feature", "x"}}, .outputs = {}}); }),
              HasSubstr("did you mean \"features\"?"));
}

TEST(Pt2, WantsALossFromOneSideOnly) {
  EXPECT_THAT(error_of([] { load(ModelFile(), {.loss = cross_entropy, .inputs = {}, .outputs = {}}); }),
              HasSubstr("computes its own loss"));
  const Pt2Options other{.loss = {}, .inputs = {}, .outputs = {"first", "logits"}};
  EXPECT_THAT(error_of([&] { load(ModelFile(), other); }), HasSubstr("has no output \"loss\", but first, logits"));
  EXPECT_THAT(error_of([] { load(ModelFile(), {.loss = {}, .inputs = {}, .outputs = {"loss"}}); }),
              HasSubstr("gives 2 outputs, but 1 names"));
  const auto model = load(ModelFile(), {.loss = cross_entropy, .inputs = {}, .outputs = {"first", "logits"}});
  model->module().eval();
  expect_equal(model->forward(rows(3)).loss, Eager().forward(rows(3), false).loss);
}

TEST(Pt2, ComparesBatchesWithTheExport) {
  const auto model = load(ModelFile());
  const Batch good = rows(4);
  const auto error = [&](const at::Tensor& features, const at::Tensor& labels) {
    return error_of([&] { model->forward({{"features", features}, {"labels", labels}}); });
  };
  const auto &x = good["features"], &y = good["labels"];
  EXPECT_THAT(error(x.to(at::kDouble), y),
              HasSubstr("the input \"features\" is [4, 3] Double, but the model was exported for [1..64, 3] Float"));
  EXPECT_THAT(error(x.slice(1, 0, 2), y), HasSubstr("is [4, 2] Float, but the model was exported for [1..64, 3]"));
  EXPECT_THAT(error(x, y.unsqueeze(1)), HasSubstr("the input \"labels\" is [4, 1] Long"));
  EXPECT_THAT(error(x, y.slice(0, 0, 3)),
              HasSubstr("the inputs \"features\" [4, 3] Float and \"labels\" [3] Long differ in a size"));
  const Batch many = rows(65);
  EXPECT_THAT(error(many["features"], many["labels"]), HasSubstr("give data within this range"));
  // What LibTorch throws, in one line and with the place.
  const std::string bad = error(x, y + 100);
  EXPECT_THAT(bad, HasSubstr("node loss (aten.cross_entropy_loss.default, in body.0): Target 10"));
  EXPECT_THAT(bad, HasSubstr("[model.failed]"));
  EXPECT_EQ(error(x, y), "no error");
}

// As torch.nn.functional.batch_norm, which asks before it calls the operator.
TEST(Pt2, NormalisesNoBatchOfOneValuePerChannel) {
  ModelFile file;
  const json::value none = json::object{{"as_none", true}};
  file.node("layer_norm") = ModelFile::make_node("layer_norm", "torch.ops.aten.batch_norm.default",
                                                 {{"input", ModelFile::tensor("linear")},
                                                  {"weight", ModelFile::tensor("p_gamma")},
                                                  {"bias", ModelFile::tensor("p_beta")},
                                                  {"running_mean", none},
                                                  {"running_var", none},
                                                  {"training", json::object{{"as_bool", true}}},
                                                  {"momentum", json::object{{"as_float", 0.1}}},
                                                  {"eps", json::object{{"as_float", 1e-5}}},
                                                  {"cudnn_enabled", json::object{{"as_bool", false}}}},
                                                 {ModelFile::tensor("layer_norm")});
  const auto model = load(file);
  EXPECT_EQ(error_of([&] { model->forward(rows(2)); }), "no error");
  EXPECT_THAT(error_of([&] { model->forward(rows(1)); }),
              HasSubstr("(aten.batch_norm.default, in body.0): Expected more than 1 value per channel when training, "
                        "got input size [1, 4]; leave a last batch of one row out with dataloader_drop_last"));
}

// Gradients off and another autocast for a part, as torch.no_grad() and torch.autocast() are exported.
TEST(Pt2, EntersModesAndLeavesThem) {
  ModelFile file;
  const auto region = [](const char* target, std::vector<std::pair<std::string, json::value>> inputs, json::array nodes,
                         const char* in, const char* out) {
    const json::object graph{{"inputs", json::array{ModelFile::tensor("inner")}},
                             {"outputs", json::array{ModelFile::tensor("inner_out")}},
                             {"nodes", std::move(nodes)}};
    inputs.emplace_back("_", json::object{{"as_graph", json::object{{"name", "body"}, {"graph", graph}}}});
    inputs.emplace_back("_", ModelFile::tensor(in));
    return ModelFile::make_node(out, target, inputs,
                                {json::object{{"as_tensors", json::array{json::object{{"name", out}}}}}});
  };
  auto& nodes = file.nodes();
  // scale = linear.sum() without gradient; product = linear @ linear.T in bfloat16
  nodes.insert(nodes.begin() + 2,
               region("torch.ops.higher_order.wrap_with_set_grad_enabled", {{"_", json::object{{"as_bool", false}}}},
                      {ModelFile::make_node("sum", "torch.ops.aten.sum.default", {{"self", ModelFile::tensor("inner")}},
                                            {ModelFile::tensor("inner_out")})},
                      "linear", "scale"));
  nodes.insert(
      nodes.begin() + 3,
      region("torch.ops.higher_order.wrap_with_autocast",
             {{"_", json::object{{"as_string", "cpu"}}},
              {"_", json::object{{"as_scalar_type", 13}}},
              {"_", json::object{{"as_bool", true}}},
              {"_", json::object{{"as_none", true}}}},
             {ModelFile::make_node("product", "torch.ops.aten.matmul.default",
                                   {{"self", ModelFile::tensor("inner")}, {"other", ModelFile::tensor("inner")}},
                                   {ModelFile::tensor("inner_out")})},
             "p_square", "product"));
  file.add_weight("square", at::sin(at::arange(16, at::kFloat)).reshape({4, 4}), true);
  file.graph_module()
      .at("signature")
      .at("input_specs")
      .as_array()
      .push_back(json::object{
          {"parameter", json::object{{"arg", json::object{{"name", "p_square"}}}, {"parameter_name", "square"}}}});
  nodes.insert(nodes.begin() + 4,
               ModelFile::make_node("scaled", "torch.ops.aten.mul.Tensor",
                                    {{"self", ModelFile::tensor("linear")}, {"other", ModelFile::tensor("scale")}},
                                    {ModelFile::tensor("scaled")}));
  nodes.insert(nodes.begin() + 5,
               ModelFile::make_node("mixed", "torch.ops.aten.matmul.default",
                                    {{"self", ModelFile::tensor("scaled")}, {"other", ModelFile::tensor("float")}},
                                    {ModelFile::tensor("mixed")}));
  nodes.insert(nodes.begin() + 5, ModelFile::make_node("float", "torch.ops.aten.to.dtype",
                                                       {{"self", ModelFile::tensor("product")},
                                                        {"dtype", json::object{{"as_scalar_type", 7}}}},
                                                       {ModelFile::tensor("float")}));
  file.argument("layer_norm", "input") = ModelFile::tensor("mixed");
  const auto model = load(file);
  model->module().eval();
  const Batch batch = rows(4);
  const auto found = model->forward(batch);

  Eager eager;
  const at::Tensor square = file.tensors.at("data/weights/weight_5").clone().requires_grad_();
  const auto linear = at::linear(batch["features"], eager.w, eager.b);
  const auto half = square.to(at::kBFloat16);
  auto x = at::matmul(linear * linear.detach().sum(), at::matmul(half, half).to(at::kFloat));
  x = at::layer_norm(x, {4}, eager.gamma, eager.beta) + eager.shift;
  const auto loss = at::cross_entropy_loss(x, batch["labels"]);
  expect_equal(found.loss, loss);
  found.loss.backward();
  loss.backward();
  expect_equal(model->module().named_parameters()["body.0.weight"].grad(), eager.w.grad());
  EXPECT_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
  // Also where something within throws.
  auto& inner = file.node("product").at("inputs").at(4).at("arg").at("as_graph").at("graph").at("nodes").at(0);
  inner.as_object()["target"] = "torch.ops.aten.dot.default";
  inner.at("inputs").at(1).as_object()["name"] = "tensor";
  EXPECT_THAT(error_of([&] { load(file)->forward(batch); }), HasSubstr("node product (aten.dot.default"));
  EXPECT_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
}

TEST(Pt2, KeepsNothingThatIsWrittenTo) {
  // arange.add_(1) is part of what follows from the number of rows alone: each batch begins with a new one.
  ModelFile file;
  auto& nodes = file.nodes();
  nodes.insert(nodes.begin() + 6,
               ModelFile::make_node("grow", "torch.ops.aten.add_.Tensor",
                                    {{"self", ModelFile::tensor("arange")}, {"other", json::object{{"as_int", 1}}}},
                                    {ModelFile::tensor("grow")}));
  file.argument("mul", "other") = json::object{{"as_float", 1.0}};
  const auto model = load(file);
  model->module().eval();
  const auto first = model->forward(rows(4)).logits;
  expect_equal(model->forward(rows(4)).logits, first);
}

TEST(Pt2, ShowsNoRunTheTensorsOfAnother) {
  const auto model = load(ModelFile());
  model->module().eval();
  const auto one = model->forward(rows(4)).logits.clone();
  EXPECT_THAT(error_of([&] { model->forward({{"features", rows(4)["features"]}, {"labels", rows(4)["labels"] + 9}}); }),
              HasSubstr("model.failed"));
  expect_equal(model->forward(rows(4)).logits, one);
}

}  // namespace
}  // namespace trainer
