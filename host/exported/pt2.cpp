// SPDX-License-Identifier: Apache-2.0
#include "trainer/pt2.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "base/text.hpp"
#include "exported/compiled_step.hpp"
#include "exported/module_tree.hpp"
#include "exported/program.hpp"
#include "exported/program_json.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

using exported::Program;

constexpr int no_output = -1;

class ExportedModel final : public Model, public exported::CompiledModel {
 public:
  ExportedModel(const std::filesystem::path& file, Pt2Options options)
      : file_(file.string()),
        options_(std::move(options)),
        program_(file),
        tree_(exported::make_module_tree(program_.weights(), program_.facts().parameter_order, file_)),
        outputs_(name_outputs()) {
    loss_ = find_output([](const std::string& name) { return name == "loss"; });
    logits_ = find_output([](const std::string& name) { return name == "logits"; });
    const auto& ignored = program_.facts().ignored_outputs;
    if (logits_ == no_output)
      logits_ = find_output([&](const std::string& name) {
        return name != "loss" && std::find(ignored.begin(), ignored.end(), name) == ignored.end();
      });
    for (const auto& input : program_.inputs()) columns_.push_back(column_of(input.name));
    check();
    wanted_.resize(outputs_.size());
    for (const int output : {loss_, logits_})
      if (output != no_output) wanted_[static_cast<std::size_t>(output)] = 1;
    tensors_.resize(columns_.size());
    if (options_.compiled != Compiled::none)
      compiled_.emplace(file,
                        options_.compiled == Compiled::update ? exported::CompiledStep::Call::update
                                                              : exported::CompiledStep::Call::gradients,
                        program_.weights(), [this](const std::string& input) { return column_of(input); });
  }

  exported::CompiledStep* compiled_step() override { return compiled_ ? &*compiled_ : nullptr; }

  ModelOutput forward(const Batch& inputs) override {
    for (std::size_t i = 0; i < columns_.size(); ++i) tensors_[i] = inputs[columns_[i]];
    const bool training = tree_->is_training();
    if (!training && !program_.has_evaluation_graph() && !std::exchange(told_of_evaluation_, true))
      log::info(file_ + " has no graph for evaluation; the training graph is evaluated without dropout, and with the " +
                "running statistics of its normalisations");
    auto found = program_.run(training, tensors_, wanted_);
    std::fill(tensors_.begin(), tensors_.end(), at::Tensor());
    ModelOutput out;
    if (logits_ != no_output) out.logits = std::move(found[static_cast<std::size_t>(logits_)]);
    if (loss_ != no_output) out.loss = std::move(found[static_cast<std::size_t>(loss_)]);
    if (!out.logits.defined() && !out.loss.defined()) refuse_batch(inputs);
    if (const auto& labels = inputs["labels"]; options_.loss && labels.defined())
      out.loss = options_.loss(out.logits, labels);
    return out;
  }

  torch::nn::Module& module() override { return *tree_; }
  void to(const at::Device& device) override {
    Model::to(device);
    program_.set_device(device);
  }
  void to(at::ScalarType type) override {
    for (const auto& parameter : tree_->parameters())
      if (parameter.is_floating_point() && parameter.scalar_type() != type)
        throw_usage(error_id::model_unsupported,
                    file_ + ": the model computes in the types that it was exported with, and is not cast to " +
                        c10::toString(type) +
                        "; leave out fp16_full_eval and bf16_full_eval, or export it in that type");
  }

  json::object config() const override { return program_.facts().config; }
  std::vector<std::string> layer_norm_parameters() const override { return program_.facts().layer_norm_parameters; }
  // A loss of the run's own is a mean, whatever the model's forward would take for its own.
  bool accepts_loss_kwargs() const override { return program_.facts().accepts_loss_kwargs && !options_.loss; }
  bool loss_shifts_labels() const override { return program_.facts().loss_shifts_labels; }
  bool smooths_labels() const override { return options_.smooths_labels; }
  bool label_smoother_shifts_labels() const override { return program_.facts().label_smoother_shifts_labels; }
  SharedNames saved_names() const override { return program_.facts().saved_names; }
  std::map<std::string, std::string> files() const override { return program_.facts().files; }
  std::vector<std::string> columns() const override {
    std::vector<std::string> out;
    for (const auto& column : columns_)
      if (!column.empty() && column != "num_items_in_batch") out.push_back(column);
    if (options_.loss && std::find(out.begin(), out.end(), "labels") == out.end()) out.emplace_back("labels");
    return out;
  }
  double floating_point_ops(const Batch& inputs) const override {
    const auto& main = inputs[column_of(program_.facts().main_input)];
    return main.defined() ? program_.facts().flos_per_token * static_cast<double>(main.numel()) : 0;
  }

 private:
  std::string column_of(const std::string& input) const {
    const auto found = options_.inputs.find(input);
    return found == options_.inputs.end() ? input : found->second;
  }

  std::vector<std::string> name_outputs() const {
    const auto& own = program_.outputs();
    if (options_.outputs.empty()) return own;
    if (options_.outputs.size() != own.size())
      throw_usage(error_id::arguments_invalid, file_ + ": the model gives " + std::to_string(own.size()) +
                                                   " outputs, but " + std::to_string(options_.outputs.size()) +
                                                   " names of outputs are given; name each of them");
    return options_.outputs;
  }

  template <typename Is>
  int find_output(Is is) const {
    const auto found = std::find_if(outputs_.begin(), outputs_.end(), is);
    return found == outputs_.end() ? no_output : static_cast<int>(found - outputs_.begin());
  }

  void check() const {
    std::vector<std::string> names;
    for (const auto& input : program_.inputs())
      if (!input.name.empty()) names.push_back(input.name);
    for (const auto& [input, column] : options_.inputs)
      if (std::find(names.begin(), names.end(), input) == names.end()) {
        const std::string near = nearest(input, names);
        throw_usage(error_id::arguments_invalid,
                    file_ + ": the model has no input \"" + input + "\"; " +
                        (near.empty() ? "its inputs are " + join(names) : "did you mean \"" + near + "\"?"));
      }
    if (std::all_of(outputs_.begin(), outputs_.end(), [](const std::string& name) { return name.empty(); }))
      throw_usage(error_id::arguments_invalid,
                  file_ + ": the " + std::to_string(outputs_.size()) +
                      " outputs of the model have no names; name them, as in \"outputs\": [\"loss\", \"logits\"]");
    if (loss_ != no_output && options_.loss)
      throw_usage(error_id::arguments_invalid,
                  file_ + ": the model computes its own loss, and another one is given; leave it out");
    if (loss_ == no_output && !options_.loss)
      throw_usage(error_id::arguments_invalid,
                  file_ + ": the model has no output \"loss\", but " + join(outputs_) +
                      "; give a loss such as cross_entropy, or export a model that computes one");
    if (loss_ == no_output && logits_ == no_output)
      exported::refuse(file_ + ": the model has no output; export one that returns its logits");
  }

  [[noreturn]] void refuse_batch(const Batch& inputs) const {
    std::vector<std::string> missing, given;
    for (const auto& column : columns_)
      if (!column.empty() && !inputs[column].defined()) missing.push_back(column);
    for (const auto& [name, tensor] : inputs) given.push_back(name);
    throw_usage(error_id::data_invalid, "the model needs more than the batch has: it lacks " + join(missing) +
                                            ", and holds " + join(given) + "; give these columns");
  }

  std::string file_;
  Pt2Options options_;
  Program program_;
  std::shared_ptr<torch::nn::Module> tree_;
  std::vector<std::string> outputs_, columns_;  // columns_: by input
  int loss_ = no_output, logits_ = no_output;
  std::vector<char> wanted_;
  bool told_of_evaluation_ = false;
  std::vector<at::Tensor> tensors_;
  std::optional<exported::CompiledStep> compiled_;
};

}  // namespace

std::shared_ptr<Model> load_pt2(const std::filesystem::path& file, Pt2Options options) {
  return std::make_shared<ExportedModel>(file, std::move(options));
}

}  // namespace trainer
