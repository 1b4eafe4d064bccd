// SPDX-License-Identifier: Apache-2.0
#include "trainer/lr_scheduler.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "recorded.hpp"
#include "support/error_of.hpp"
#include "trainer/error.hpp"
#include "trainer/json.hpp"
#include "trainer/optimizer.hpp"
#include "trainer/torch_file.hpp"

namespace trainer {
namespace {

using test::error_of;
using testing::HasSubstr;

const json::object& recorded() {
  static const json::value file = json::parse_file(test::recordings() / "lr_schedules.json");
  return file.as_object();
}

std::unique_ptr<Optimizer> two_groups(double lr) {
  std::vector<ParamGroup> groups(2);
  for (ParamGroup& group : groups) group.params = {at::ones({1})};
  OptimizerSettings settings;
  settings.learning_rate = lr;
  return make_optimizer("sgd", std::move(groups), settings);
}

/// A recorded case: its scheduler, stepped by step numbers or by the recorded metrics.
struct Replay {
  explicit Replay(const json::object& c)
      : c(c),
        optimizer(two_groups(c.at("lr").as_double())),
        scheduler(make_scheduler(std::string(c.at("type").as_string()), *optimizer, integer("warmup"), integer("steps"),
                                 c.at("kwargs").as_object())) {}

  std::int64_t integer(const char* key) const { return c.contains(key) ? c.at(key).as_int64() : 0; }

  std::size_t length() const { return c.at(scheduler->metric_driven() ? "group_rates" : "rates").as_array().size(); }

  void step(std::size_t number) {  // from 1
    if (scheduler->metric_driven()) {
      scheduler->step(recorded().at("metrics").at(number - 1).as_double());
    } else {
      scheduler->step();
    }
  }

  void expect_rates(std::size_t number) const {
    const std::vector<double> last = scheduler->get_last_lr();
    ASSERT_EQ(last.size(), 2);
    for (std::size_t g = 0; g < 2; ++g) {
      const json::value& expected =
          scheduler->metric_driven() ? c.at("group_rates").at(number).at(g) : c.at("rates").at(number);
      EXPECT_TRUE(test::agree(last[g], expected.as_double()))
          << "step " << number << " group " << g << ": " << json::repr(last[g]) << " and not " << expected;
      EXPECT_EQ(optimizer->param_groups()[g].lr, last[g]) << "step " << number;
    }
  }

  std::filesystem::path state_file() const {
    return test::recordings() / (std::string(c.at("name").as_string()) + ".pt");
  }

  const json::object& c;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<LRScheduler> scheduler;
};

class RecordedSchedule : public testing::TestWithParam<int> {
 protected:
  const json::object& c() const { return recorded().at("cases").at(GetParam()).as_object(); }
};

TEST_P(RecordedSchedule, RatesAreEqual) {
  Replay run(c());
  run.expect_rates(0);
  for (std::size_t step = 1; step < run.length(); ++step) {
    run.step(step);
    run.expect_rates(step);
  }
}

TEST_P(RecordedSchedule, LoadedStateGoesOnEqual) {
  Replay run(c());
  const std::size_t saved = recorded().at("saved_after").as_int64();
  for (std::size_t step = 1; step <= saved; ++step) run.step(step);
  Replay other(c());
  other.optimizer->load_state_dict(run.optimizer->state_dict(), "optimizer.pt");
  other.scheduler->load_state_dict(run.scheduler->state_dict(), "scheduler.pt");
  EXPECT_EQ(test::python_text(other.scheduler->state_dict()), test::python_text(run.scheduler->state_dict()));
  for (std::size_t step = saved + 1; step < other.length(); ++step) {
    other.step(step);
    other.expect_rates(step);
  }
}

class KeptState : public RecordedSchedule {};

TEST_P(KeptState, IsOurs) {
  Replay run(c());
  const c10::IValue python = read_torch_file(run.state_file());
  const std::size_t saved = recorded().at("saved_after").as_int64();
  for (std::size_t step = 1; step <= saved; ++step) run.step(step);
  EXPECT_TRUE(test::agree(run.scheduler->state_dict(), python));
  Replay other(c());
  other.optimizer->load_state_dict(run.optimizer->state_dict(), "optimizer.pt");
  other.scheduler->load_state_dict(python, "scheduler.pt");
  for (std::size_t step = saved + 1; step < other.length(); ++step) {
    other.step(step);
    other.expect_rates(step);
  }
}

std::string name_of(int index) { return std::string(recorded().at("cases").at(index).at("name").as_string()); }

std::vector<int> all_cases() {
  std::vector<int> out;
  for (std::size_t i = 0; i < recorded().at("cases").as_array().size(); ++i) out.push_back(i);
  return out;
}

std::vector<int> cases_with_state() {
  std::vector<int> out = all_cases();
  std::erase_if(out, [](int i) { return !exists(test::recordings() / (name_of(i) + ".pt")); });
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, RecordedSchedule, testing::ValuesIn(all_cases()),
                         [](const auto& info) { return name_of(info.param); });
INSTANTIATE_TEST_SUITE_P(All, KeptState, testing::ValuesIn(cases_with_state()),
                         [](const auto& info) { return name_of(info.param); });

TEST(LRScheduler, EveryTypeIsRecorded) {
  EXPECT_EQ(cases_with_state().size(), 6);
  for (const std::string& type : scheduler_names()) {
    bool found = false;
    for (const json::value& c : recorded().at("cases").as_array()) {
      found = found || c.at("type").as_string() == std::string_view(type);
    }
    EXPECT_TRUE(found) << type;
  }
}

std::string error_of(const char* type, const char* kwargs) {
  const auto optimizer = two_groups(0.1);
  return error_of([&] { make_scheduler(type, *optimizer, 2, 10, json::parse(kwargs, "kwargs").as_object()); });
}

TEST(LRScheduler, RefusesUnusableArguments) {
  EXPECT_THAT(error_of("cosin", "{}"), HasSubstr("did you mean 'cosine'?"));
  EXPECT_THAT(error_of("cosine", R"({"num_cycle": 1})"), HasSubstr("did you mean 'num_cycles'?"));
  EXPECT_THAT(error_of("linear", R"({"power": 1})"), HasSubstr("linear takes none"));
  EXPECT_THAT(error_of("linear", R"({"last_epoch": 3})"), HasSubstr("'last_epoch'"));
  EXPECT_EQ(error_of("linear", R"({"last_epoch": -1})"), "no error");
  EXPECT_THAT(error_of("cosine", R"({"num_cycles": "1"})"), HasSubstr("expected a number"));
  EXPECT_THAT(error_of("warmup_stable_decay", "{}"), HasSubstr("'num_decay_steps'"));
  EXPECT_THAT(error_of("warmup_stable_decay", R"({"num_decay_steps": 3, "decay_type": "sqrt"})"),
              HasSubstr("found 'sqrt', expected one of linear, cosine, 1-sqrt"));
  EXPECT_THAT(error_of("cosine_with_min_lr", "{}"), HasSubstr("min_lr or min_lr_rate"));
  EXPECT_THAT(error_of("cosine_with_min_lr", R"({"min_lr": 0.1, "min_lr_rate": 0.1})"),
              HasSubstr("only one of the two"));
  EXPECT_THAT(error_of("polynomial", R"({"lr_end": 0.1})"), HasSubstr("less than learning_rate"));
  EXPECT_THAT(error_of("inverse_sqrt", R"({"timescale": 0})"), HasSubstr("above 0"));
  EXPECT_THAT(error_of("reduce_lr_on_plateau", R"({"factor": 1})"), HasSubstr("less than 1"));
  EXPECT_THAT(error_of("reduce_lr_on_plateau", R"({"mode": "least"})"), HasSubstr("min, max"));
  EXPECT_THAT(error_of("reduce_lr_on_plateau", R"({"patience": 1.5})"), HasSubstr("whole number"));
  EXPECT_THAT(error_of("greedy", R"({"min_lr": [1, 2, 3]})"), HasSubstr("a list of 3"));
}

TEST(LRScheduler, RefusesAStateOfAnotherKind) {
  const auto optimizer = two_groups(0.1);
  const auto linear = make_scheduler("linear", *optimizer, 0, 10);
  const auto plateau = make_scheduler("reduce_lr_on_plateau", *optimizer, 0, 10);
  EXPECT_THAT(error_of([&] { linear->load_state_dict(plateau->state_dict(), "scheduler.pt"); }),
              HasSubstr("scheduler.pt: has no 'lr_lambdas'"));
  std::vector<ParamGroup> one(1);
  const auto small = make_optimizer("sgd", std::move(one), {});
  const auto other = make_scheduler("linear", *small, 0, 10);
  EXPECT_THAT(error_of([&] { other->load_state_dict(linear->state_dict(), "scheduler.pt"); }),
              HasSubstr("'base_lrs' has 2 rates, expected 1"));
}

// As in transformers, the saved base rates win over the new learning_rate, the new curve over the
// old.
TEST(LRScheduler, ResumeWithAnotherRateAndLength) {
  const auto first = two_groups(0.1);
  const auto saved = make_scheduler("linear", *first, 0, 10);
  saved->step();
  const auto second = two_groups(0.5);
  const auto resumed = make_scheduler("linear", *second, 0, 20);
  resumed->load_state_dict(saved->state_dict(), "scheduler.pt");
  EXPECT_EQ(resumed->get_last_lr()[0], 0.1 * 0.9);
  resumed->step();
  EXPECT_EQ(resumed->get_last_lr()[0], 0.1 * (18.0 / 20.0));
}

}  // namespace
}  // namespace trainer
