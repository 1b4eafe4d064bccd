// SPDX-License-Identifier: Apache-2.0
#include "exported/program.hpp"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

#include "exported/graph_reader.hpp"

namespace trainer::exported {
namespace {

constexpr const char* evaluation_graph = "eval";

std::string entry_beside(const char* name) { return "extra/libtrainer/" + std::string(name) + ".json"; }

}  // namespace

Program::Program(const std::filesystem::path& path) : file_(path.string()) {
  const Archive archive(path);
  const std::string entry = "models/" + archive.model() + ".json";
  const std::string where = file_ + ": " + entry;
  const json::value program = archive.json(entry);
  GraphReader training(program, where, /*flip=*/false);
  graphs_.training = training.read();
  outputs_ = training.output_names();
  ranges_ = read_ranges(ProgramJson(program, where));
  has_evaluation_graph_ = archive.has(entry_beside(evaluation_graph));
  graphs_.evaluation = has_evaluation_graph_ ? read_beside(archive, evaluation_graph)
                                             : GraphReader(program, where, /*flip=*/true).read();
  if (archive.has(entry_beside("train_bfloat16")))
    bfloat16_graphs_ = {read_beside(archive, "train_bfloat16"), read_beside(archive, "eval_bfloat16")};
  facts_ = read_facts(archive, graphs_.training);
  weights_ = read_weights(archive);
  check_weights(weights_, facts_.checksums, file_);
  std::vector<const Graph*> all{&graphs_.training, &graphs_.evaluation};
  if (bfloat16_graphs_) all.insert(all.end(), {&bfloat16_graphs_->training, &bfloat16_graphs_->evaluation});
  for (const Graph* graph : all)
    for (const auto& state : graph->state)
      if (!weights_.by_name.contains(state.name))
        refuse(file_ + ": the graph reads \"" + state.name + "\", which the archive does not have" + damaged);
}

// A graph of the same model, which is called with the same batches as its training graph.
Graph Program::read_beside(const Archive& archive, const char* name) const {
  const std::string where = file_ + ": " + entry_beside(name);
  const json::value program = archive.json(entry_beside(name));
  Graph graph = GraphReader(program, where, /*flip=*/false).read();
  const Graph& training = graphs_.training;
  bool same = training.inputs.size() == graph.inputs.size() && training.outputs.size() == graph.outputs.size();
  for (std::size_t i = 0; same && i < graph.inputs.size(); ++i) same = training.inputs[i].name == graph.inputs[i].name;
  if (!same) refuse(where + " has other inputs or outputs than the training graph" + damaged);
  return graph;
}

const Graph& Program::graph_for(bool training) const {
  const bool bfloat16 = bfloat16_graphs_ && at::autocast::is_autocast_enabled(device_.type()) &&
                        at::autocast::get_autocast_dtype(device_.type()) == at::kBFloat16;
  const Graphs& graphs = bfloat16 ? *bfloat16_graphs_ : graphs_;
  return training ? graphs.training : graphs.evaluation;
}

std::vector<at::Tensor> Program::run(bool training, const std::vector<at::Tensor>& tensors,
                                     const std::vector<char>& wanted) {
  check_inputs(graphs_.training.inputs, tensors, ranges_);
  return executor_for(training, tensors, wanted).run(tensors);
}

Executor& Program::executor_for(bool training, const std::vector<at::Tensor>& tensors,
                                const std::vector<char>& wanted) {
  given_.resize(tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) given_[i] = tensors[i].defined();
  const Graph& graph = graph_for(training);
  for (const auto& prepared : prepared_)
    if (prepared->graph == &graph && prepared->given == given_ && prepared->wanted == wanted) return prepared->executor;
  prepared_.push_back(std::make_unique<Prepared>(
      Prepared{&graph, given_, wanted, Executor(graph, given_, wanted, weights_.by_name, device_)}));
  return prepared_.back()->executor;
}

void Program::set_device(at::Device device) {
  if (device == device_) return;
  device_ = device;
  for (Weight& weight : weights_.constants) weight.tensor.set_data(weight.tensor.to(device));
  for (const auto& prepared : prepared_) prepared->executor.set_device(device);
}

}  // namespace trainer::exported
