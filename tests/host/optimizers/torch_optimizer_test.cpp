// SPDX-License-Identifier: Apache-2.0
//
// LibTorch's optimizers behind ours: the same steps, rates of a schedule, and a state that Python's torch reads.
#include <map>

#include "trainer/torch_optimizer.hpp"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include "python_text.hpp"
#include "recorded.hpp"
#include "support/error_of.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"
#include "trainer/lr_scheduler.hpp"

namespace {

using namespace trainer;
using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;
namespace optim = torch::optim;

using Make = std::function<std::shared_ptr<optim::Optimizer>(std::vector<at::Tensor>)>;

const std::map<std::string, Make>& all() {
  static const std::map<std::string, Make> makers{
      {"sgd",
       [](auto p) { return std::make_shared<optim::SGD>(p, optim::SGDOptions(0.1).momentum(0.9).nesterov(true)); }},
      {"adam", [](auto p) { return std::make_shared<optim::Adam>(p, optim::AdamOptions(0.1).amsgrad(true)); }},
      {"adamw", [](auto p) { return std::make_shared<optim::AdamW>(p, optim::AdamWOptions(0.1).betas({0.8, 0.99})); }},
      {"rmsprop",
       [](auto p) {
         return std::make_shared<optim::RMSprop>(p, optim::RMSpropOptions(0.1).centered(true).momentum(0.5));
       }},
      {"adagrad",
       [](auto p) { return std::make_shared<optim::Adagrad>(p, optim::AdagradOptions(0.1).lr_decay(0.1)); }}};
  return makers;
}

std::vector<at::Tensor> parameters() {
  const at::Tensor first = torch::arange(6, torch::kFloat).view({2, 3}), second = torch::ones({2});
  return {first.clone().requires_grad_(), second.clone().requires_grad_()};
}

void set_gradients(std::vector<at::Tensor>& parameters, int step) {
  for (auto& p : parameters) p.mutable_grad() = torch::full_like(p, 0.5 + step) + p.detach() * 0.01;
}

TEST(TorchOptimizer, MakesTheStepsOfTheOptimizerWithTheRatesOfASchedule) {
  for (const auto& [name, make] : all()) {
    auto ours = parameters(), theirs = parameters();
    const auto adapted = adapt_optimizer(make(ours));
    const auto plain = make(theirs);
    const auto schedule = make_scheduler("linear", *adapted, 0, 4);
    for (int step = 0; step < 3; ++step) {
      set_gradients(ours, step), set_gradients(theirs, step);
      plain->param_groups()[0].options().set_lr(0.1 * (1 - step / 4.0));
      plain->step();
      adapted->step();
      schedule->step();
    }
    for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_TRUE(at::equal(ours[i], theirs[i])) << name;
    adapted->zero_grad();
    EXPECT_FALSE(ours[0].grad().defined());
  }
}

TEST(TorchOptimizer, GoesOnFromItsState) {
  for (const auto& [name, make] : all()) {
    auto whole = parameters(), resumed = parameters();
    const auto first = adapt_optimizer(make(whole)), second = adapt_optimizer(make(resumed));
    const auto schedule = make_scheduler("linear", *first, 0, 9);
    for (int step = 0; step < 2; ++step) set_gradients(whole, step), first->step(), schedule->step();
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < whole.size(); ++i) resumed[i].copy_(whole[i]);
    second->load_state_dict(first->state_dict(), "optimizer.pt");
    EXPECT_EQ(test::python_text(second->state_dict()), test::python_text(first->state_dict())) << name;
    EXPECT_EQ(second->param_groups()[0].lr, first->param_groups()[0].lr);
    set_gradients(whole, 2), set_gradients(resumed, 2);
    first->step(), second->step();
    for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_TRUE(at::equal(whole[i], resumed[i])) << name;
    EXPECT_EQ(second->named_states().size(), first->named_states().size()) << name;
  }
}

// Ours are compared with Python's elsewhere: what has their layout has Python's.
TEST(TorchOptimizer, ItsStateHasTheLayoutOfPythons) {
  struct Pair {
    const char *theirs, *ours, *optim_args;
    double weight_decay;
  };
  for (const Pair& pair :
       {Pair{"sgd", "sgd", "momentum=0.9,dampening=0.0,nesterov=true", 0}, Pair{"adamw", "adamw_torch", "", 0.01},
        Pair{"rmsprop", "rmsprop", "momentum=0.5,centered=true", 0}}) {
    OptimizerSettings settings;
    settings.learning_rate = 0.1;
    settings.optim_args = pair.optim_args;
    settings.adam_beta1 = 0.8, settings.adam_beta2 = 0.99;
    auto one = parameters(), other = parameters();
    const auto adapted = adapt_optimizer(all().at(pair.theirs)(one));
    const auto own =
        make_optimizer(pair.ours, {{.params = other, .names = {}, .weight_decay = pair.weight_decay}}, settings);
    for (int step = 0; step < 2; ++step) {
      set_gradients(one, step), set_gradients(other, step);
      adapted->step(), own->step();
    }
    EXPECT_TRUE(test::agree(adapted->state_dict(), own->state_dict()));
    adapted->load_state_dict(own->state_dict(), "a checkpoint of args.optim");
    EXPECT_TRUE(test::agree(adapted->state_dict(), own->state_dict()));
  }
}

TEST(TorchOptimizer, RefusesTheStateOfAnother) {
  auto p = parameters();
  const auto adam = adapt_optimizer(all().at("adam")(p));
  set_gradients(p, 0);
  adam->step();
  const auto before = test::python_text(adam->state_dict());
  std::vector<at::Tensor> one{torch::ones({4}).requires_grad_()};
  const auto small = adapt_optimizer(all().at("adam")(one));
  EXPECT_THAT(error_of([&] { adam->load_state_dict(small->state_dict(), "f"); }),
              HasSubstr("f: group 0: found 1 parameters, expected 2"));
  std::vector<at::Tensor> two{torch::ones({4}).requires_grad_(), torch::ones({2}).requires_grad_()};
  const auto other = adapt_optimizer(all().at("adam")(two));
  set_gradients(two, 0);
  other->step();
  EXPECT_THAT(error_of([&] { adam->load_state_dict(other->state_dict(), "f"); }),
              HasSubstr("'exp_avg': expected a tensor of the parameter's shape"));
  EXPECT_EQ(test::python_text(adam->state_dict()), before) << "nothing was changed";
}

/// Of a program's own, with options and a state that nobody else knows; `Keeps`: it says how they are written.
template <bool Keeps>
struct Sign : optim::Optimizer {
  struct Options : optim::OptimizerCloneableOptions<Options> {
    double get_lr() const override { return rate; }
    void set_lr(const double lr) override { rate = lr; }
    double rate = 0.5;
  };
  struct State : optim::OptimizerCloneableParamState<State> {};
  explicit Sign(std::vector<at::Tensor> p)
      : Optimizer({optim::OptimizerParamGroup(std::move(p))}, std::make_unique<Options>()) {}
  at::Tensor step(LossClosure = nullptr) override {
    const at::NoGradGuard no_grad;
    ++steps;
    for (auto& p : param_groups()[0].params()) {
      p.sub_(p.grad().sign() * param_groups()[0].options().get_lr() / steps);
      state_[p.unsafeGetTensorImpl()] = std::make_unique<State>();
    }
    return {};
  }
  void save(torch::serialize::OutputArchive& archive) const override {
    if (Keeps) archive.write("steps", torch::IValue(steps));
  }
  void load(torch::serialize::InputArchive& archive) override {
    torch::IValue value;
    archive.read("steps", value);
    steps = value.toInt();
  }
  std::int64_t steps = 0;
};

TEST(TorchOptimizer, KeepsWhatAnOptimizerOfTheProgramSaves) {
  auto p = parameters();
  const auto sign = std::make_shared<Sign<true>>(p), again = std::make_shared<Sign<true>>(p);
  const auto adapted = adapt_optimizer(sign), resumed = adapt_optimizer(again);
  set_gradients(p, 0);
  adapted->param_groups()[0].lr = 0.25;
  adapted->step();
  EXPECT_EQ(sign->param_groups()[0].options().get_lr(), 0.25);
  resumed->load_state_dict(adapted->state_dict(), "optimizer.pt");
  EXPECT_EQ(again->steps, 1);
  EXPECT_EQ(resumed->param_groups()[0].lr, 0.25);
}

TEST(TorchOptimizer, TellsOfAStateThatIsNotKept) {
  std::vector<std::string> warnings;
  log::set_sink([&](log::Level, std::string_view text) { warnings.emplace_back(text); });
  auto p = parameters();
  const auto adapted = adapt_optimizer(std::make_shared<Sign<false>>(p));
  adapted->state_dict();
  set_gradients(p, 0);
  adapted->step();
  adapted->state_dict(), adapted->state_dict();
  log::set_sink({});
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("override save() and load()"))) << "once";
}

TEST(TorchOptimizer, RefusesWhatCannotBeStepped) {
  struct NoRate : optim::Optimizer {
    struct Options : optim::OptimizerCloneableOptions<Options> {};
    NoRate() : Optimizer({optim::OptimizerParamGroup({torch::ones({1})})}, std::make_unique<Options>()) {}
    at::Tensor step(LossClosure = nullptr) override { return {}; }
  };
  EXPECT_THAT(error_of([] { adapt_optimizer(nullptr); }), HasSubstr("was given null"));
  EXPECT_THAT(error_of([] { adapt_optimizer(std::make_shared<NoRate>()); }),
              HasSubstr("override get_lr() and set_lr()"));
  EXPECT_THAT(error_of([] { adapt_optimizer(std::make_shared<optim::LBFGS>(parameters(), optim::LBFGSOptions(1))); }),
              HasSubstr("LBFGS"));
}

TEST(TorchOptimizer, AnotherOptimizersStateIsRefused) {
  for (const auto& [from, make_from] : all())
    for (const auto& [to, make_to] : all()) {
      auto theirs = parameters(), ours = parameters();
      const auto wrote = adapt_optimizer(make_from(theirs));
      set_gradients(theirs, 0);
      wrote->step();
      const auto reads = adapt_optimizer(make_to(ours));
      const std::string said = error_of([&] { reads->load_state_dict(wrote->state_dict(), "optimizer.pt"); });
      if (from == to)
        EXPECT_EQ(said, "no error") << from;
      else
        EXPECT_THAT(said, HasSubstr("resume with the one that wrote it [checkpoint.mismatch]")) << from << " " << to;
    }
}

TEST(TorchOptimizer, ItsGroupsStayTheSame) {
  auto p = parameters();
  set_gradients(p, 0);
  const auto torch = std::make_shared<optim::SGD>(std::vector{p[0]}, optim::SGDOptions(0.1));
  const auto adapted = adapt_optimizer(torch);
  torch->add_param_group(optim::OptimizerParamGroup({p[1]}));
  EXPECT_THAT(error_of([&] { adapted->step(); }), HasSubstr("than when adapt_optimizer was given it"));
  const auto built_in = make_optimizer("sgd", {{.params = {p[0]}, .names = {}}}, {});
  built_in->param_groups().push_back({.params = {p[1]}, .names = {}});
  EXPECT_THAT(error_of([&] { built_in->step(); }), HasSubstr("turn requires_grad off"));
  built_in->param_groups().pop_back();
  built_in->param_groups()[0].params.push_back(p[1]);
  EXPECT_THAT(error_of([&] { built_in->step(); }), HasSubstr("turn requires_grad off"));
}

}  // namespace
