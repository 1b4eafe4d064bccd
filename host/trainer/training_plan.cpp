// SPDX-License-Identifier: Apache-2.0
#include "trainer/training_plan.hpp"

#include <cmath>
#include <limits>
#include <string>

#include "trainer/data_loader.hpp"
#include "trainer/error.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer {

std::int64_t TrainingPlan::window_size(std::int64_t update) const {
  const std::int64_t rest = steps_in_epoch % gradient_accumulation_steps;
  const bool last = update == num_update_steps_per_epoch - 1;
  return last && rest != 0 ? rest : gradient_accumulation_steps;
}

namespace {

TrainingPlan plan_stream(const TrainingArguments& args, std::int64_t train_batch_size, int world) {
  if (args.max_steps <= 0)
    throw_usage(error_id::arguments_invalid,
                "the train dataloader does not know how many batches it gives, and args.max_steps is " +
                    std::to_string(args.max_steps) + ", expected the number of steps to train; set max_steps");
  TrainingPlan plan;
  plan.is_stream = true;
  plan.gradient_accumulation_steps = args.gradient_accumulation_steps;
  plan.max_steps = plan.num_update_steps_per_epoch = args.max_steps;
  plan.steps_in_epoch = args.max_steps * args.gradient_accumulation_steps;
  plan.num_train_epochs = std::numeric_limits<std::int64_t>::max();
  plan.num_train_samples = static_cast<double>(plan.steps_in_epoch) * static_cast<double>(train_batch_size * world);
  return plan;
}

}  // namespace

TrainingPlan plan_training(const TrainingArguments& args, std::int64_t train_batch_size, const DataLoader& loader,
                           int world) {
  if (!loader.size()) return plan_stream(args, train_batch_size, world);
  const std::int64_t batches = *loader.size();
  const std::int64_t accumulation = args.gradient_accumulation_steps;
  // As transformers estimates it of a loader that does not say.
  const std::int64_t rows = loader.num_examples().value_or(batches * args.per_device_train_batch_size);
  if (rows == 0)
    throw_usage(error_id::data_invalid, "the train dataset has no rows, and training needs at least one; give it some");
  if (batches == 0)
    throw_usage(error_id::data_invalid,
                "the train dataset of " + std::to_string(rows) + " rows gives no batch of " +
                    std::to_string(train_batch_size) +
                    (world == 1 ? "" : " for each of " + std::to_string(world) + " processes") +
                    "; make per_device_train_batch_size smaller or set dataloader_drop_last to false");
  TrainingPlan plan;
  plan.gradient_accumulation_steps = accumulation;
  plan.steps_in_epoch = batches;
  plan.num_update_steps_per_epoch = (batches + accumulation - 1) / accumulation;
  if (args.max_steps < 0) {
    plan.max_steps = static_cast<std::int64_t>(
        std::ceil(args.num_train_epochs * static_cast<double>(plan.num_update_steps_per_epoch)));
  } else {
    plan.max_steps = args.max_steps;
  }
  if (args.max_steps > 0) {
    plan.num_train_epochs = (plan.max_steps + plan.num_update_steps_per_epoch - 1) / plan.num_update_steps_per_epoch;
    plan.num_train_samples =
        static_cast<double>(plan.max_steps) * static_cast<double>(train_batch_size * accumulation * world);
  } else {
    plan.num_train_epochs = static_cast<std::int64_t>(std::ceil(args.num_train_epochs));
    plan.num_train_samples = static_cast<double>(rows) * args.num_train_epochs;
  }
  return plan;
}

}  // namespace trainer
