// SPDX-License-Identifier: Apache-2.0
//
// A convolutional network for images of digits, with a dataset of one's own, and accuracy and F1 as metrics.
//
//   image_classifier [directory of train.csv and eval.csv, as in ../digits]
#include <torch/torch.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <sstream>
#include <trainer/trainer.hpp>

namespace {

constexpr std::int64_t digits = 10;

// Images of 8 x 8 pixels. A dataset says how many rows it has and gives those that it is asked for, a whole batch at
// once; where they come from is its own affair. This one holds them in memory; another might open a file for each.
class Images : public trainer::Dataset {
 public:
  explicit Images(const std::filesystem::path& file) {
    std::ifstream in(file);
    if (!in) throw std::runtime_error(file.string() + " cannot be opened");
    std::vector<float> pixels;
    std::vector<std::int64_t> labels;
    std::string line, cell;
    std::getline(in, line);  // the names of the columns: 64 pixels from 0 to 16, and the digit
    while (std::getline(in, line)) {
      std::istringstream cells(line);
      for (int i = 0; i < 64 && std::getline(cells, cell, ','); ++i) pixels.push_back(std::stof(cell) / 16);
      std::getline(cells, cell);
      labels.push_back(std::stoll(cell));
    }
    images_ = torch::tensor(pixels).view({-1, 1, 8, 8});  // rows, channels, height, width
    labels_ = torch::tensor(labels);
  }

  std::int64_t size() const override { return labels_.size(0); }

  // The names are the model's, see forward() below; "labels" are what the metrics compare with.
  trainer::Batch get_batch(const torch::Tensor& indices) const override {
    return {{"pixel_values", images_.index_select(0, indices)}, {"labels", labels_.index_select(0, indices)}};
  }

 private:
  torch::Tensor images_, labels_;
};

struct Network : torch::nn::Module {
  torch::nn::Sequential features = register_module(
      "features",
      torch::nn::Sequential(torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 16, 3).padding(1)), torch::nn::ReLU(),
                            torch::nn::MaxPool2d(2),  // 4 x 4
                            torch::nn::Conv2d(torch::nn::Conv2dOptions(16, 32, 3).padding(1)), torch::nn::ReLU(),
                            torch::nn::MaxPool2d(2),  // 2 x 2
                            torch::nn::Flatten(), torch::nn::Dropout(0.1)));
  torch::nn::Linear classifier = register_module("classifier", torch::nn::Linear(32 * 2 * 2, digits));

  // What the Trainer wants of a model: its logits, and the loss when the batch has labels.
  trainer::ModelOutput forward(const trainer::Batch& batch) {
    trainer::ModelOutput out;
    out.logits = classifier->forward(features->forward(batch["pixel_values"]));
    if (batch["labels"].defined()) out.loss = trainer::cross_entropy(out.logits, batch["labels"]);
    return out;
  }
};

// F1 is the harmonic mean of precision and recall; here its mean over the classes ("macro").
trainer::json::object accuracy_and_f1(const trainer::EvalPrediction& p) {
  const auto predicted = p.predictions.argmax(-1);
  const auto count = [](const torch::Tensor& mask) { return static_cast<double>(mask.sum().item<std::int64_t>()); };
  double f1 = 0;
  for (std::int64_t digit = 0; digit < digits; ++digit) {
    const auto said = predicted == digit, is = p.label_ids == digit;
    f1 += 2 * count(said & is) / std::max(count(said) + count(is), 1.0) / digits;
  }
  auto metrics = trainer::accuracy(p);
  metrics["f1"] = f1;
  return metrics;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::filesystem::path directory = argc > 1 ? argv[1] : "../digits";
  const auto train = std::make_shared<Images>(directory / "train.csv");
  const auto eval = std::make_shared<Images>(directory / "eval.csv");

  torch::manual_seed(42);  // the same weights to begin with, and so the same run
  const auto network = std::make_shared<Network>();
  const auto model = trainer::make_model(network, [&](const trainer::Batch& batch) { return network->forward(batch); });

  trainer::TrainingArguments args;
  args.output_dir = "image_classifier_output";
  args.num_train_epochs = 6;
  args.per_device_train_batch_size = 32;
  args.per_device_eval_batch_size = 128;
  args.learning_rate = 5e-3;
  args.lr_scheduler_type = "cosine";
  args.warmup_steps = 0.1;  // of all steps
  args.logging_strategy = "epoch";
  args.eval_strategy = "epoch";
  args.save_strategy = "best";  // a checkpoint whenever F1 is higher than before
  args.load_best_model_at_end = true;
  args.metric_for_best_model = "f1";
  args.report_to = {};  // no tracker

  trainer::Trainer trainer(
      {.model = model, .args = args, .train_dataset = train, .eval_dataset = eval, .compute_metrics = accuracy_and_f1});
  trainer.train();
  const auto result = trainer.evaluate();  // of the best model
  for (const char* name : {"accuracy", "f1"})
    std::cout << name << ": " << result.at(std::string("eval_") + name).to_number<double>() << '\n';

  // What it says of the first eight images.
  const auto said = trainer.predict(eval).predictions.argmax(-1);
  const auto is = eval->get_batch(torch::arange(8))["labels"];
  for (std::int64_t i = 0; i < 8; ++i)
    std::cout << is[i].item<std::int64_t>() << " read as " << said[i].item<std::int64_t>() << '\n';
  return 0;
} catch (const trainer::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
