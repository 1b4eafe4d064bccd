// SPDX-License-Identifier: Apache-2.0
//
// The price of a flat from a CSV file's columns: mean squared error, an end as soon as it no longer improves, and a
// tracker, which is a plugin.
//
//   regression [directory of train.csv and eval.csv] [key=value]...   any training argument, such as learning_rate=0.02
#include <torch/torch.h>

#include <cmath>
#include <iostream>
#include <trainer/builtin_callbacks.hpp>
#include <trainer/trainer.hpp>

namespace nn = torch::nn;

int main(int argc, char** argv) try {
  const std::filesystem::path directory = argc > 1 ? argv[1] : ".";

  // "features" are all columns but the target and those that are dropped. The training file says which, and in which
  // order the model gets them; eval.csv, whose columns stand in another order, is read by their names.
  const trainer::CsvOptions columns{.target = "price", .labels = trainer::Labels::regression, .drop = {"id"}};
  const auto train = std::make_shared<trainer::CsvDataset>(directory / "train.csv", columns);
  const auto eval = std::make_shared<trainer::CsvDataset>(directory / "eval.csv", columns, train->schema());
  std::cout << train->size() << " flats to learn from, " << eval->size() << " to try it with\n";

  torch::manual_seed(42);  // the same weights to begin with
  // Areas are hundreds and years thousands: the first layer brings all columns to one scale, and learns it by itself.
  const std::int64_t inputs = static_cast<std::int64_t>(train->schema().features.size());
  auto net = nn::Sequential(nn::BatchNorm1d(inputs), nn::Linear(inputs, 32), nn::ReLU(), nn::Linear(32, 1));

  trainer::TrainingArguments args;
  args.output_dir = "regression_output";
  args.num_train_epochs = 200;  // at most
  args.per_device_train_batch_size = 32;
  args.learning_rate = 0.01;
  args.logging_strategy = "epoch";
  args.eval_strategy = "epoch";  // evaluate and keep a checkpoint after each epoch,
  args.save_strategy = "epoch";
  args.save_total_limit = 1;  // but of those only the best and the newest,
  args.load_best_model_at_end = true;
  args.metric_for_best_model = "loss";  // and go back to the best in the end
  args.report_to = {"csv"};             // the plugin csv: regression_output/metrics.csv
  for (int i = 2; i < argc; ++i) {
    const std::string text = argv[i];
    const auto equals = text.find('=');
    args.set_from_text(text.substr(0, equals), text.substr(equals + 1), text);
  }

  trainer::Trainer trainer({.model = trainer::supervised(net, trainer::mse_loss),
                            .args = args,
                            .train_dataset = train,
                            .eval_dataset = eval,
                            .callbacks = {trainer::CallbackSpec::of<trainer::EarlyStoppingCallback>(10)}});
  trainer.train();
  std::cout << "ended after " << trainer.state().epoch << " epochs\n";

  // The best model again, on the rows that it did not learn from.
  const double mse = trainer.evaluate().at("eval_loss").to_number<double>();
  std::cout << "error: " << std::sqrt(mse) << " (100 000 a flat)\n";

  // One flat, by hand, in the order of the columns.
  net->eval();
  for (const auto& name : train->schema().features) std::cout << name << ' ';
  const auto price = net->forward(torch::tensor({{75.0F, 3.0F, 1998.0F, 4.0F}}));
  std::cout << "= 75 3 1998 4: price " << price.item<float>() << '\n';
  return 0;
} catch (const trainer::Error& error) {
  std::cerr << error.what() << '\n';
  return error.kind() == trainer::ErrorKind::usage ? 2 : 1;
}
