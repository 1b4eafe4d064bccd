// SPDX-License-Identifier: Apache-2.0
#include "command/run_model.hpp"

#include <ATen/ATen.h>
#include <torch/nn/modules.h>

#include "trainer/error.hpp"
#include "trainer/pt2.hpp"

namespace trainer::command {
namespace {

struct RunLoss {
  LossFunction function;
  bool smooths_labels = false;
};

// Label smoothing makes transformers' loss of the logits, which has no weights and ignores -100: a loss that has its
// own of these smooths labels itself, as torch's does.
RunLoss make_run_loss(const RunFile& run, double label_smoothing_factor) {
  const RunFile::Loss& loss = run.loss;
  if (loss.name.empty()) return {};
  if (label_smoothing_factor != 0 && !loss.of_classes())
    throw_usage(
        error_id::arguments_invalid,
        "args.label_smoothing_factor is for class labels, but the run's loss is \"" + loss.name + "\"; set it to 0");
  LossOptions options{.weight = loss.weight,
                      .ignore_index = loss.ignore_index,
                      .pos_weight = loss.pos_weight,
                      .delta = loss.delta,
                      .beta = loss.beta};
  const LossOptions plain;
  const bool own = !options.weight.empty() || options.ignore_index != plain.ignore_index;
  if (own) options.label_smoothing = label_smoothing_factor;
  return {make_loss(loss.name, options), own};
}

class BuiltInModel final : public Model {
 public:
  template <typename Holder>
  BuiltInModel(Holder net, RunLoss loss, json::object config)
      : module_(net.ptr()),
        call_([net](const at::Tensor& features) mutable { return net->forward(features); }),
        loss_(std::move(loss)),
        config_(std::move(config)) {}

  ModelOutput forward(const Batch& inputs) override {
    ModelOutput out;
    out.logits = call_(inputs["features"]);
    if (const auto& labels = inputs["labels"]; labels.defined()) out.loss = loss_.function(out.logits, labels);
    return out;
  }
  torch::nn::Module& module() override { return *module_; }
  json::object config() const override { return config_; }
  bool uses_all_parameters() const override { return true; }
  bool smooths_labels() const override { return loss_.smooths_labels; }
  std::vector<std::string> columns() const override { return {"features", "labels"}; }

 private:
  std::shared_ptr<torch::nn::Module> module_;
  std::function<at::Tensor(const at::Tensor&)> call_;
  RunLoss loss_;
  json::object config_;
};

// push_back, because constructor arguments may be evaluated from right to left, and the order in
// which layers are made decides their random weights.
void push_activation(torch::nn::Sequential& net, const std::string& name) {
  if (name == "relu")
    net->push_back(torch::nn::ReLU());
  else if (name == "tanh")
    net->push_back(torch::nn::Tanh());
  else if (name == "sigmoid")
    net->push_back(torch::nn::Sigmoid());
  else
    net->push_back(torch::nn::GELU());
}

torch::nn::Sequential make_mlp(const RunFile::Model& spec) {
  torch::nn::Sequential net;
  for (std::size_t i = 0; i + 1 < spec.layers.size(); ++i) {
    if (i > 0) push_activation(net, spec.activation);
    net->push_back(torch::nn::Linear(spec.layers[i], spec.layers[i + 1]));
  }
  return net;
}

// Of a built-in model the run file's reader knows how many there are.
void require_confusion_classes(const RunFile& run, const Model& model) {
  const auto* names = model.config().if_contains("id2label");
  const auto classes = names && names->is_object() ? static_cast<std::int64_t>(names->get_object().size()) : 0;
  for (const auto& metric : run.metrics)
    if (metric.name == "confusion_matrix" && classes > most_confusion_classes)
      throw_usage(error_id::run_file_invalid,
                  run.path.string() + ": metrics ask for confusion_matrix, a table of at most " +
                      std::to_string(most_confusion_classes) + " classes, but " + run.model.file.string() + " has " +
                      std::to_string(classes) + "; leave the metric out");
}

}  // namespace

std::shared_ptr<Model> make_model(const RunFile& run, double label_smoothing_factor, bool trains) {
  const RunFile::Model& spec = run.model;
  RunLoss loss = make_run_loss(run, label_smoothing_factor);
  if (spec.type == "linear")
    return std::make_shared<BuiltInModel>(torch::nn::Linear(spec.layers.front(), spec.layers.back()), std::move(loss),
                                          run.model_json);
  if (spec.type == "mlp") return std::make_shared<BuiltInModel>(make_mlp(spec), std::move(loss), run.model_json);
  return load_pt2(spec.file, {.loss = std::move(loss.function),
                              .smooths_labels = loss.smooths_labels,
                              .inputs = spec.inputs,
                              .outputs = spec.outputs,
                              .compiled = run.compiled.empty() || !trains ? Compiled::none
                                          : run.compiled == "gradients"   ? Compiled::gradients
                                                                          : Compiled::update});
}

ComputeMetrics make_run_metrics(const RunFile& run, const Model& model) {
  if (run.metrics.empty()) return {};
  require_confusion_classes(run, model);
  const char* problem_type = run.loss.name.empty()   ? ""
                             : run.loss.of_classes() ? "single_label_classification"
                             : run.loss.binary()     ? "multi_label_classification"
                                                     : "regression";
  return make_metrics(run.metrics, {.problem_type = problem_type, .ignore_index = run.loss.ignore_index});
}

}  // namespace trainer::command
