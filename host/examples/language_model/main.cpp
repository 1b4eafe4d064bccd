// SPDX-License-Identifier: Apache-2.0
//
// A small language model, character by character: rows of several lengths, which a collator pads; tied weights; an
// optimizer of torch::optim with groups of parameters; a schedule of one's own; and a sample of what it learned.
//
//   language_model TEXT      any text file, such as a LICENSE
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <trainer/torch_optimizer.hpp>
#include <trainer/trainer.hpp>

namespace nn = torch::nn;

namespace {

// A text as lines of up to 80 characters, cut between words.
std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<std::string> lines(1);
  for (std::string word; in >> word; lines.back() += word + ' ')
    if (lines.back().size() + word.size() > 80) lines.emplace_back();
  return lines;
}

// What the model reads: a text's bytes.
constexpr std::int64_t characters = 256;
torch::Tensor encode(const std::string& text) {
  return torch::tensor(std::vector<std::uint8_t>(text.begin(), text.end())).to(torch::kLong);
}

// A row is a line, made when it is asked for. What is to be foretold of each character is the next one.
class Lines : public trainer::RowDataset {
 public:
  explicit Lines(std::vector<std::string> lines) : lines_(std::move(lines)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(lines_.size()); }
  trainer::Row get_row(std::int64_t index) const override {
    const auto line = encode(lines_[static_cast<std::size_t>(index)]);
    return {{"input_ids", line.slice(0, 0, -1)}, {"labels", line.slice(0, 1)}};
  }

 private:
  std::vector<std::string> lines_;
};

// The last layer. Its weight is the embedding's own tensor: registered twice, it is trained once and saved once.
struct Head : nn::Module {
  torch::Tensor weight, bias;
  explicit Head(const torch::Tensor& embedding)
      : weight(register_parameter("weight", embedding)),
        bias(register_parameter("bias", torch::zeros(embedding.size(0)))) {}
  torch::Tensor forward(const torch::Tensor& hidden) { return nn::functional::linear(hidden, weight, bias); }
};

struct Network : nn::Module {
  nn::Embedding embedding;
  nn::GRU gru;
  std::shared_ptr<Head> head;

  explicit Network(std::int64_t width)
      : embedding(register_module("embedding", nn::Embedding(characters, width))),
        gru(register_module("gru", nn::GRU(nn::GRUOptions(width, width).batch_first(true)))),
        head(register_module("head", std::make_shared<Head>(embedding->weight))) {
    nn::init::normal_(embedding->weight, 0, 0.3);
  }
  // The scores of each next character: rows, places, characters.
  torch::Tensor forward(const torch::Tensor& input_ids) {
    return head->forward(std::get<0>(gru->forward(embedding->forward(input_ids))));
  }
};

// Draws the next character of a text again and again.
std::string sample(Network& network, std::string text, int length) {
  const torch::NoGradGuard no_grad;
  network.eval();
  for (; length > 0; --length) {
    const auto scores = network.forward(encode(text).unsqueeze(0))[0][-1];
    text += static_cast<char>(torch::multinomial(torch::softmax(scores / 0.5, 0), 1).item<std::int64_t>());
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) try {
  const auto lines = lines_of(argc > 1 ? argv[1] : "LICENSE");
  std::vector<std::string> for_training, for_evaluation;
  for (std::size_t i = 0; i < lines.size(); ++i) (i % 10 == 9 ? for_evaluation : for_training).push_back(lines[i]);

  torch::manual_seed(42);
  const auto network = std::make_shared<Network>(96);

  trainer::TrainerOptions options;
  options.args.output_dir = "language_model_output";
  options.args.num_train_epochs = 12;
  options.args.per_device_train_batch_size = 8;
  options.args.logging_strategy = "epoch";
  options.args.eval_strategy = "epoch";
  options.args.save_strategy = "epoch";
  options.args.save_total_limit = 1;
  options.args.report_to = {};
  options.train_dataset = std::make_shared<Lines>(for_training);
  options.eval_dataset = std::make_shared<Lines>(for_evaluation);

  // The lines of a batch are filled up to the longest; a label of -100 counts in no loss.
  options.data_collator = trainer::DataCollatorWithPadding{.padding = {{"input_ids", 0}, {"labels", -100}}};
  options.model = trainer::make_model(network, [network](const trainer::Batch& batch) {
    trainer::ModelOutput out;
    out.logits = network->forward(batch["input_ids"]);
    if (const auto& labels = batch["labels"]; labels.defined())
      out.loss = trainer::cross_entropy(out.logits.flatten(0, 1), labels.flatten());
    return out;
  });

  // Two groups: matrices decay, biases do not. named_parameters() has tied weights once.
  std::vector<torch::Tensor> matrices, biases;
  for (const auto& parameter : trainer::named_parameters(*options.model))
    (parameter.tensor.dim() > 1 ? matrices : biases).push_back(parameter.tensor);
  const auto group = [](std::vector<torch::Tensor> parameters, double weight_decay) {
    auto settings = std::make_unique<torch::optim::AdamWOptions>(1e-2);
    settings->weight_decay(weight_decay);
    return torch::optim::OptimizerParamGroup(std::move(parameters), std::move(settings));
  };
  std::vector<torch::optim::OptimizerParamGroup> groups{group(matrices, 0.01), group(biases, 0)};
  options.optimizers.optimizer = trainer::adapt_optimizer(std::make_shared<torch::optim::AdamW>(groups));
  // The share of that rate: up in 20 steps, then down with the square root of the steps.
  options.optimizers.lr_lambda = [](std::int64_t step) {
    const auto n = static_cast<double>(step + 1);
    return std::min(n / 20, std::sqrt(20 / n));
  };

  trainer::Trainer trainer(std::move(options));
  trainer.train();
  const double loss = trainer.evaluate().at("eval_loss").to_number<double>();
  std::cout << "perplexity: " << std::exp(loss) << "\nsample: " << sample(*network, "The License ", 120) << '\n';
  return 0;
} catch (const trainer::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
