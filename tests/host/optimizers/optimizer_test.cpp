// SPDX-License-Identifier: Apache-2.0
#include "trainer/optimizer.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <map>

#include "recorded.hpp"
#include "support/error_of.hpp"
#include "trainer/error.hpp"
#include "trainer/json.hpp"
#include "trainer/torch_file.hpp"

namespace trainer {
namespace {

const json::object& recorded() {
  static const json::value file = json::parse_file(test::recordings() / "optimizers.json");
  return file.as_object();
}

at::Tensor to_tensor(const json::value& values, const json::value& shape) {
  std::vector<std::int64_t> sizes;
  for (const json::value& size : shape.as_array()) sizes.push_back(size.as_int64());
  std::vector<float> floats;
  for (const json::value& v : values.as_array()) floats.push_back(v.to_number<double>());
  return at::tensor(floats).reshape(sizes);
}

/// The parameters of the recording, and an optimizer over them.
struct Replay {
  explicit Replay(const json::object& c) {
    const json::object& args = c.at("args").as_object();
    const auto get = [&](const char* key, double fallback) {
      const json::value* value = args.if_contains(key);
      return value == nullptr ? fallback : value->to_number<double>();
    };
    std::vector<NamedParameter> named;
    for (const auto& item : recorded().at("shapes").as_object()) {
      const at::Tensor tensor = to_tensor(recorded().at("start").at(item.key()), item.value()).set_requires_grad(true);
      params[std::string(item.key())] = tensor;
      named.push_back({std::string(item.key()), tensor});
    }
    OptimizerSettings settings;
    settings.learning_rate = 0.01;
    settings.adam_beta1 = get("adam_beta1", 0.9);
    settings.adam_beta2 = get("adam_beta2", 0.999);
    settings.adam_epsilon = get("adam_epsilon", 1e-8);
    settings.optim_args = c.at("optim_args").as_string().c_str();
    optimizer = make_optimizer(std::string(c.at("optim").as_string()),
                               parameter_groups(named, get("weight_decay", 0.0)), settings);
  }

  void step(std::size_t number) {  // from 1
    const json::object& gradients = recorded().at("gradients").at(number - 1).as_object();
    for (auto& [name, param] : params) {
      const json::value& values = gradients.at(name);
      if (values.is_null()) {
        param.mutable_grad().reset();
      } else {
        param.mutable_grad() = to_tensor(values, recorded().at("shapes").at(name));
      }
    }
    for (ParamGroup& group : optimizer->param_groups()) {
      group.lr = recorded().at("rates").at(number - 1).as_double();
    }
    optimizer->step();
    optimizer->zero_grad();
  }

  void expect_parameters(const json::object& after) const {
    for (const auto& [name, param] : params) {
      SCOPED_TRACE(name);
      const at::Tensor expected = to_tensor(after.at(name), recorded().at("shapes").at(name));
      EXPECT_TRUE(test::agree(param.detach(), expected)) << param << expected;
    }
  }

  std::map<std::string, at::Tensor> params;
  std::unique_ptr<Optimizer> optimizer;
};

class RecordedOptimizer : public testing::TestWithParam<int> {
 protected:
  const json::object& c() const { return recorded().at("cases").at(GetParam()).as_object(); }
  c10::IValue torch_state() const {
    return read_torch_file(test::recordings() / (std::string(c().at("name").as_string()) + ".pt"));
  }
};

TEST_P(RecordedOptimizer, StepsAreTorchs) {
  SCOPED_TRACE(c().at("name").as_string());
  Replay run(c());
  for (std::size_t step = 1; step <= 5; ++step) {
    run.step(step);
    if (const json::value* after = c().at("after").as_object().if_contains(std::to_string(step))) {
      run.expect_parameters(after->as_object());
    }
  }
}

TEST_P(RecordedOptimizer, StateDictIsTorchs) {
  Replay run(c());
  for (std::size_t step = 1; step <= 3; ++step) run.step(step);
  EXPECT_TRUE(test::agree(run.optimizer->state_dict(), torch_state()));
}

TEST_P(RecordedOptimizer, GoesOnFromTorchsState) {
  Replay run(c());
  for (auto& [name, param] : run.params) {
    const at::NoGradGuard no_grad;
    param.copy_(to_tensor(c().at("after").at("3").at(name), recorded().at("shapes").at(name)));
  }
  run.optimizer->load_state_dict(torch_state(), "optimizer.pt");
  run.step(4);
  run.step(5);
  run.expect_parameters(c().at("after").at("5").as_object());
}

std::vector<int> all_cases() {
  std::vector<int> out;
  for (std::size_t i = 0; i < recorded().at("cases").as_array().size(); ++i) out.push_back(i);
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, RecordedOptimizer, testing::ValuesIn(all_cases()), [](const auto& info) {
  return std::string(recorded().at("cases").at(info.param).at("name").as_string());
});

TEST(Optimizer, EveryOptimizerIsRecorded) {
  for (const std::string& optim : optimizer_names()) {
    bool found = false;
    for (const json::value& c : recorded().at("cases").as_array()) {
      found = found || c.at("optim").as_string() == std::string_view(optim);
    }
    EXPECT_TRUE(found) << optim;
  }
}

const json::object& recorded_case(std::size_t index) { return recorded().at("cases").at(index).as_object(); }

using test::error_of;
using testing::HasSubstr;

TEST(Optimizer, StateBringsItsHyperparameters) {
  Replay one(recorded_case(1)), other(recorded_case(2));  // fused with own betas, plain
  one.step(1);
  other.optimizer->load_state_dict(one.optimizer->state_dict(), "optimizer.pt");
  EXPECT_EQ(test::python_text(other.optimizer->state_dict()), test::python_text(one.optimizer->state_dict()));
  // The loaded tensors are the optimizer's own.
  one.step(2);
  EXPECT_NE(test::python_text(other.optimizer->state_dict()), test::python_text(one.optimizer->state_dict()));
}

TEST(Optimizer, NamedStatesFollowTheParameters) {
  Replay run(recorded_case(0));
  EXPECT_TRUE(run.optimizer->named_states().empty());
  run.step(2);
  std::string names;
  for (const OptimizerState& state : run.optimizer->named_states()) {
    names += state.parameter + "/" + state.name + " ";
  }
  EXPECT_EQ(names,
            "0.weight/step 0.weight/exp_avg 0.weight/exp_avg_sq "
            "1.weight/step 1.weight/exp_avg 1.weight/exp_avg_sq "
            "0.bias/step 0.bias/exp_avg 0.bias/exp_avg_sq "
            "1.bias/step 1.bias/exp_avg 1.bias/exp_avg_sq ");
}

TEST(Optimizer, MixedTypesInOneGroup) {
  for (const std::string& optim : optimizer_names()) {
    SCOPED_TRACE(optim);
    ParamGroup group;
    for (at::ScalarType type : {at::kFloat, at::kBFloat16, at::kFloat}) {
      group.params.push_back(at::ones({3, 2}, type).set_requires_grad(true));
      group.params.back().mutable_grad() = at::full({3, 2}, 0.5, type);
    }
    OptimizerSettings settings;
    settings.learning_rate = 0.1;
    const auto optimizer = make_optimizer(optim, {group}, settings);
    optimizer->step();
    for (const at::Tensor& param : group.params) {
      EXPECT_TRUE(at::all(param < 1).item<bool>());
      // Not in bits: a kernel may round the elements behind its last whole vector otherwise.
      EXPECT_TRUE(at::allclose(param.to(at::kFloat).detach(), at::full({3, 2}, param[0][0].item<float>()), 1e-2));
    }
    EXPECT_TRUE(at::equal(group.params[0], group.params[2]));
    const auto again = make_optimizer(optim, {group}, settings);
    again->load_state_dict(optimizer->state_dict(), "state");
    EXPECT_EQ(test::python_text(again->state_dict()), test::python_text(optimizer->state_dict()));
  }
}

TEST(Optimizer, InitialLrIsKeptOnceASchedulerSetIt) {
  Replay run(recorded_case(4));
  EXPECT_THAT(test::python_text(run.optimizer->state_dict()), testing::Not(HasSubstr("initial_lr")));
  run.optimizer->param_groups()[0].has_initial_lr = true;
  EXPECT_THAT(test::python_text(run.optimizer->state_dict()), HasSubstr("'initial_lr': 0.01"));
}

TEST(Optimizer, RefusesAStateOfAnotherKind) {
  Replay adamw(recorded_case(0)), sgd(recorded_case(6)), adafactor(recorded_case(13));
  adamw.step(1);
  sgd.step(1);
  const auto load = [](Replay& run, const c10::IValue& state) {
    return error_of([&] { run.optimizer->load_state_dict(state, "c/optimizer.pt"); });
  };
  EXPECT_THAT(load(sgd, adamw.optimizer->state_dict()), HasSubstr("c/optimizer.pt: 'momentum' of group 0 is missing"));
  EXPECT_THAT(test::python_text(sgd.optimizer->state_dict()), HasSubstr("'momentum': 0.9"));
  EXPECT_THAT(load(adamw, sgd.optimizer->state_dict()), HasSubstr("no pair 'betas'"));
  EXPECT_THAT(load(adafactor, adamw.optimizer->state_dict()), HasSubstr("no pair 'eps'"));
  EXPECT_THAT(load(adamw, c10::IValue(3)), HasSubstr("found Int, expected a dict"));

  // Another model: a group more, a parameter more, another shape.
  const auto optimizer_of = [](std::vector<ParamGroup> groups) {
    return make_optimizer("adamw_torch", std::move(groups), {});
  };
  ParamGroup group;
  group.params = {at::ones({2}).set_requires_grad(true)};
  group.names = {"0.weight"};
  group.params[0].mutable_grad() = at::ones({2});
  const auto small = optimizer_of({group});
  small->step();
  EXPECT_THAT(error_of([&] { small->load_state_dict(adamw.optimizer->state_dict(), "f"); }),
              HasSubstr("f: found 2 parameter groups, expected 1"));
  ParamGroup two = group;
  two.params.push_back(at::ones({1}));
  EXPECT_THAT(error_of([&] { optimizer_of({two})->load_state_dict(small->state_dict(), "f"); }),
              HasSubstr("f: group 0: found 1 parameters, expected 2"));
  ParamGroup wide = group;
  wide.params = {at::ones({3})};
  EXPECT_THAT(error_of([&] { optimizer_of({wide})->load_state_dict(small->state_dict(), "f"); }),
              HasSubstr("state of '0.weight': 'exp_avg': found the shape [2], expected [3]"));
}

TEST(Optimizer, RefusesUnusableArguments) {
  const auto error = [](const char* optim, const char* optim_args, double lr = 0.1, double beta1 = 0.9) {
    OptimizerSettings settings;
    settings.learning_rate = lr;
    settings.adam_beta1 = beta1;
    settings.optim_args = optim_args;
    return error_of([&] { make_optimizer(optim, {ParamGroup()}, settings); });
  };
  EXPECT_THAT(error("adamw_torch_fuse", ""), HasSubstr("did you mean 'adamw_torch_fused'?"));
  EXPECT_THAT(error("sgd", "momentum"), HasSubstr("found 'momentum' in optim_args"));
  EXPECT_THAT(error("sgd", "momentum=0.9,"), HasSubstr("found '' in optim_args"));
  EXPECT_THAT(error("sgd", "momentum=much"), HasSubstr("found momentum=much in optim_args"));
  EXPECT_THAT(error("sgd", "momentum=-1"), HasSubstr("found momentum -1.0"));
  EXPECT_THAT(error("sgd", "nesterov=yes"), HasSubstr("nesterov=true without a momentum"));
  EXPECT_THAT(error("adamw_torch", "", -1), HasSubstr("found learning_rate -1.0"));
  EXPECT_THAT(error("adamw_torch", "", 0.1, 1.0), HasSubstr("adam_beta1"));
  EXPECT_EQ(error("sgd", "anything=1"), "no error");  // as in transformers
}

TEST(OptimArgs, AreParsedAsInTransformers) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(parse_optim_args(""), Pairs{});
  EXPECT_EQ(parse_optim_args("a = 1, b=x y"), (Pairs{{"a", "1"}, {"b", "xy"}}));
  EXPECT_EQ(parse_optim_args("a=1,a=2"), (Pairs{{"a", "2"}}));
}

TEST(ParameterGroups, DecayByName) {
  std::vector<NamedParameter> named;
  const auto add = [&](const char* name, bool in_layer_norm = false, bool trainable = true) {
    named.push_back({name, at::ones({1}).set_requires_grad(trainable), in_layer_norm});
  };
  for (const char* name : {"0.weight", "0.bias", "my_biases.weight", "enc.LayerNorm.weight", "norm.weight",
                           "enc.norm.weight", "enc.final_norm.weight", "RMSNorm.w", "norms.weight", "abnorm.weight",
                           "batchnorm.weight", "x_norm", "norm1.w"}) {
    add(name);
  }
  add("ln.weight", true);
  add("frozen.weight", false, false);
  const auto groups = parameter_groups(named, 0.1);
  ASSERT_EQ(groups.size(), 2);
  EXPECT_EQ(groups[0].weight_decay, 0.1);
  EXPECT_EQ(groups[1].weight_decay, 0.0);
  using Names = std::vector<std::string>;
  EXPECT_EQ(groups[0].names, (Names{"0.weight", "norms.weight", "abnorm.weight", "batchnorm.weight", "norm1.w"}));
  EXPECT_EQ(groups[1].names, (Names{"0.bias", "my_biases.weight", "enc.LayerNorm.weight", "norm.weight",
                                    "enc.norm.weight", "enc.final_norm.weight", "RMSNorm.w", "x_norm", "ln.weight"}));
}

// The formula written with torch's tensor operations, as torch.nn.utils has it.
at::Tensor plain_clip(const std::vector<at::Tensor>& grads, double max_norm) {
  std::vector<at::Tensor> norms;
  for (const at::Tensor& grad : grads) norms.push_back(at::linalg_vector_norm(grad, 2.0));
  const at::Tensor total = at::linalg_vector_norm(at::stack(norms), 2.0);
  const at::Tensor coefficient = at::clamp_max((total + 1e-6).reciprocal() * max_norm, 1.0);
  for (const at::Tensor& grad : grads) grad.mul_(coefficient);
  return total;
}

TEST(ClipGradNorm, IsTorchsToTheLastBit) {
  const double infinity = std::numeric_limits<double>::infinity();
  at::manual_seed(3);
  for (double scale : {1e-4, 0.1, 1.0, 30.0, 1e20}) {
    for (double max_norm : {0.0, 0.1, 1.0, 7.3}) {
      SCOPED_TRACE(testing::Message() << scale << " " << max_norm);
      std::vector<at::Tensor> a{at::randn({5, 7}) * scale, at::randn({33}) * scale};
      std::vector<at::Tensor> b{a[0].clone(), a[1].clone()};
      const at::Tensor norm = clip_grad_norm(a, max_norm);
      EXPECT_TRUE(at::equal(norm, plain_clip(b, max_norm > 0 ? max_norm : infinity)));
      // equal_nan: an infinite norm without a bound makes NaN.
      for (int i = 0; i < 2; ++i) EXPECT_TRUE(at::allclose(a[i], b[i], 0, 0, /*equal_nan=*/true));
    }
  }
}

}  // namespace
}  // namespace trainer
