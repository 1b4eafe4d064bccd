// SPDX-License-Identifier: Apache-2.0
//
// What a callback finds at each event, and what it changes by means of it, compared line by line with transformers'
// Trainer (recorded/callback_objects.json, made by record_callback_objects.py, which has the same callback in Python).
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <cstdlib>

#include "support/scratch_directory.hpp"
#include "trainer/log.hpp"
#include "trainer/trainer.hpp"

namespace {

using namespace trainer;

struct Tokenizer {
  std::string name;
};

// Times differ from run to run.
json::object measured(const json::object& values) {
  json::object out;
  for (const auto& entry : values) {
    const std::string_view name = entry.key();
    if (!name.ends_with("_runtime") && !name.ends_with("_per_second") && !name.ends_with("_time")) out.insert(entry);
  }
  return out;
}

json::array numbers(const std::vector<double>& values) { return json::array(values.begin(), values.end()); }

struct ObjectsRecorder : TrainerCallback {
  json::array lines;

 private:
#define TRAINER_LOOK(event)                                            \
  void event(CallbackContext& context) override{look(#event, context); \
  }
  TRAINER_LOOK(on_init_end)
  TRAINER_LOOK(on_train_begin)
  TRAINER_LOOK(on_train_end)
  TRAINER_LOOK(on_epoch_begin)
  TRAINER_LOOK(on_epoch_end)
  TRAINER_LOOK(on_step_begin)
  TRAINER_LOOK(on_pre_optimizer_step)
  TRAINER_LOOK(on_optimizer_step)
  TRAINER_LOOK(on_substep_end)
  TRAINER_LOOK(on_step_end)
  TRAINER_LOOK(on_evaluate)
  TRAINER_LOOK(on_predict)
  TRAINER_LOOK(on_save)
  TRAINER_LOOK(on_log)
  TRAINER_LOOK(on_prediction_step)
  TRAINER_LOOK(on_push_begin)
#undef TRAINER_LOOK

  void look(std::string_view event, CallbackContext& c) {
    json::object line{{"event", event}, {"step", c.state.global_step}};
    json::array has;
    const auto there = [&](const char* name, bool is) {
      if (is) has.emplace_back(name);
    };
    there("model", c.model);
    there("processing_class", c.processing_class);
    there("optimizer", c.optimizer);
    there("lr_scheduler", c.lr_scheduler);
    there("train_dataloader", c.train_dataloader);
    there("eval_dataloader", c.eval_dataloader);
    line["has"] = std::move(has);
    const torch::nn::Module& module = c.model->module();
    line["training"] = module.is_training();
    double weights = 0, gradients = 0;
    std::int64_t trained = 0;
    for (const auto& parameter : module.parameters()) {
      weights += parameter.detach().to(torch::kDouble).abs().sum().item<double>();
      if (parameter.requires_grad()) trained += parameter.numel();
      if (parameter.grad().defined()) gradients += parameter.grad().to(torch::kDouble).square().sum().item<double>();
    }
    line["weights"] = weights;
    line["trained"] = trained;
    line["processing_class"] = c.get_processing_class<Tokenizer>()->name;
    if (event == "on_pre_optimizer_step" || event == "on_optimizer_step") line["grad_norm"] = std::sqrt(gradients);
    if (c.optimizer) {
      std::vector<double> rates, sizes;
      for (const auto& group : c.optimizer->param_groups()) {
        rates.push_back(group.lr);
        sizes.push_back(static_cast<double>(group.params.size()));
      }
      line["lr"] = numbers(rates);
      line["group_sizes"] = numbers(sizes);
    }
    if (c.lr_scheduler) line["last_lr"] = numbers(c.lr_scheduler->get_last_lr());
    if (c.train_dataloader) line["train_dataloader"] = c.train_dataloader->size().value();
    if (c.eval_dataloader) {
      line["eval_dataloader"] = c.eval_dataloader->size().value();
      EXPECT_EQ(c.eval_dataloader_size, c.eval_dataloader->size());
    }
    if (c.logs) line["logs"] = measured(*c.logs);
    if (c.metrics) line["metrics"] = measured(*c.metrics);
    line["others"] = json::array();  // transformers hands on nothing else
    lines.push_back(std::move(line));
    change(event, c);
  }

  void change(std::string_view event, CallbackContext& c) {
    const torch::NoGradGuard no_grad;
    torch::nn::Module& module = c.model->module();
    const auto step = c.state.global_step;
    if (event == "on_epoch_begin" && step == 2)
      for (auto& parameter : module.children()[0]->parameters()) parameter.requires_grad_(false);
    if (event == "on_step_begin" && step == 1)
      c.optimizer->param_groups()[0].lr = c.optimizer->param_groups()[0].lr * 0.5;
    if (event == "on_pre_optimizer_step" && step == 2)
      for (auto& parameter : module.parameters())
        if (parameter.grad().defined()) parameter.mutable_grad().mul_(2);
    if (event == "on_step_end" && step == 3) module.named_parameters()["2.bias"].add_(0.5);
    if (c.logs) c.logs->insert_or_assign("seen", step);
    if (c.metrics) c.metrics->insert_or_assign("seen", step);
  }
};

// 0, 1, -1, 2, -2, ... times the scale.
torch::Tensor spread(std::int64_t count, double scale) {
  const auto i = torch::arange(count);
  return ((i + 1).div(2, "floor") * torch::where(i % 2 == 1, 1, -1) * scale).to(torch::kFloat);
}

std::shared_ptr<TensorDataset> rows(std::int64_t count, double scale) {
  const auto features = spread(2 * count, scale).view({count, 2});
  return std::make_shared<TensorDataset>(features, features.sum(1, true) * 0.5);
}

// The same keys, and the same values but for the last digits of numbers; "" when they are.
std::string difference(const json::value& found, const json::value& expected, const std::string& where) {
  if (found.is_number() && expected.is_number()) {
    const double a = found.to_number<double>(), b = expected.to_number<double>();
    return std::abs(a - b) <= 1e-6 + 1e-5 * std::abs(b)
               ? ""
               : where + ": " + json::dump(found) + " and not " + json::dump(expected);
  }
  if (found.is_object() && expected.is_object() && found.get_object().size() == expected.get_object().size()) {
    std::string all;
    for (const auto& entry : expected.get_object()) {
      const auto* value = found.get_object().if_contains(entry.key());
      all += value ? difference(*value, entry.value(), where + "." + std::string(entry.key()))
                   : where + " lacks " + std::string(entry.key());
    }
    return all;
  }
  if (found.is_array() && expected.is_array() && found.get_array().size() == expected.get_array().size()) {
    std::string all;
    for (std::size_t i = 0; i < found.get_array().size(); ++i)
      all += difference(found.get_array()[i], expected.get_array()[i], where + "[" + std::to_string(i) + "]");
    return all;
  }
  return found == expected ? "" : where + ": " + json::dump(found) + " and not " + json::dump(expected);
}

TEST(CallbackObjects, AreThoseOfTransformers) {
  const char* here = std::getenv("TRAINER_CALLBACK_OBJECTS");  // what this machine's transformers just did
  const json::object recorded =
      json::parse_file(here ? here : TRAINER_SOURCE_DIR "/tests/host/recorded/callback_objects.json").as_object();
  const test::ScratchDirectory directory;
  log::set_sink([](log::Level, std::string_view) {});
  torch::nn::Sequential net(torch::nn::Linear(2, 3), torch::nn::Tanh(), torch::nn::Linear(3, 1));
  {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : net->parameters()) parameter.copy_(spread(parameter.numel(), 0.3).view_as(parameter));
  }
  TrainerOptions options;
  options.model = supervised(net, mse_loss);
  options.train_dataset = rows(6, 0.25);
  options.eval_dataset = rows(5, -0.2);
  options.processing_class = Tokenizer{"a tokenizer"};
  auto& args = options.args;
  args.output_dir = (directory / "out").string();
  args.use_cpu = true;
  args.report_to = {};
  args.disable_tqdm = true;
  args.per_device_train_batch_size = 2;
  args.per_device_eval_batch_size = 2;
  args.gradient_accumulation_steps = 2;
  args.num_train_epochs = 2;
  args.learning_rate = 0.1;
  args.weight_decay = 0.01;
  args.warmup_steps = 1;
  args.max_grad_norm = 0.5;
  args.train_sampling_strategy = "sequential";
  args.logging_steps = 1;
  args.eval_strategy = args.save_strategy = "steps";
  args.eval_steps = 2;
  args.save_steps = 4;
  options.quiet = true;
  const auto recorder = std::make_shared<ObjectsRecorder>();
  options.callbacks = {recorder};
  Trainer trainer(std::move(options));
  json::array returned;
  returned.push_back(measured(trainer.evaluate()));
  returned.push_back(measured(trainer.train().metrics));
  returned.push_back(measured(trainer.predict(rows(3, 0.1)).metrics));
  log::set_sink({});

  const json::array& lines = recorded.at("lines").as_array();
  ASSERT_EQ(recorder->lines.size(), lines.size());
  json::value used_rate;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    json::object expected = lines[i].as_object();
    const std::string where = std::to_string(i) + " " + std::string(expected.at("event").as_string());
    // Where a callback has changed the rate, transformers logs that of the schedule; here it is the one that was used.
    if (expected.at("event") == "on_optimizer_step") used_rate = expected.at("lr").at(0);
    if (auto* logs = expected.if_contains("logs"); logs && logs->as_object().contains("learning_rate"))
      logs->as_object()["learning_rate"] = used_rate;
    EXPECT_EQ(difference(recorder->lines[i], expected, where), "");
  }
  EXPECT_EQ(difference(returned, recorded.at("returned"), "returned"), "");
}

}  // namespace
