// SPDX-License-Identifier: Apache-2.0
#include "exported/program.hpp"

#include <ATen/ATen.h>

#include "exported/archive.hpp"
#include "exported/graph_reader.hpp"

namespace trainer::exported {
namespace {

constexpr const char* evaluation_entry = "extra/libtrainer/eval.json";

// Both graphs are called with the same batches.
void require_same_inputs(const Graph& training, const Graph& evaluation, const std::string& where) {
  bool same = training.inputs.size() == evaluation.inputs.size();
  for (std::size_t i = 0; same && i < training.inputs.size(); ++i)
    same = training.inputs[i].name == evaluation.inputs[i].name;
  if (!same || training.outputs.size() != evaluation.outputs.size())
    refuse(where + " has other inputs or outputs than the training graph" + damaged);
}

}  // namespace

Program::Program(const std::filesystem::path& path) : file_(path.string()) {
  const Archive archive(path);
  const std::string entry = "models/" + archive.model() + ".json";
  const std::string where = file_ + ": " + entry;
  const json::value program = archive.json(entry);
  GraphReader training(program, where, /*flip=*/false);
  training_ = training.read();
  outputs_ = training.output_names();
  ranges_ = read_ranges(ProgramJson(program, where));
  has_evaluation_graph_ = archive.has(evaluation_entry);
  if (has_evaluation_graph_) {
    const std::string place = file_ + ": " + evaluation_entry;
    const json::value evaluation = archive.json(evaluation_entry);
    evaluation_ = GraphReader(evaluation, place, /*flip=*/false).read();
    require_same_inputs(training_, evaluation_, place);
  } else {
    evaluation_ = GraphReader(program, where, /*flip=*/true).read();
  }
  facts_ = read_facts(archive, training_);
  weights_ = read_weights(archive);
  for (const Graph* graph : {&training_, &evaluation_})
    for (const auto& state : graph->state)
      if (!weights_.by_name.contains(state.name))
        refuse(file_ + ": the graph reads \"" + state.name + "\", which the archive does not have" + damaged);
}

std::vector<at::Tensor> Program::run(bool training, const std::vector<at::Tensor>& tensors,
                                     const std::vector<char>& wanted) {
  check_inputs(training_.inputs, tensors, ranges_);
  return executor_for(training, tensors, wanted).run(tensors);
}

Executor& Program::executor_for(bool training, const std::vector<at::Tensor>& tensors,
                                const std::vector<char>& wanted) {
  given_.resize(tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) given_[i] = tensors[i].defined();
  for (const auto& prepared : prepared_)
    if (prepared->training == training && prepared->given == given_ && prepared->wanted == wanted)
      return prepared->executor;
  const Graph& graph = training ? training_ : evaluation_;
  prepared_.push_back(std::make_unique<Prepared>(
      Prepared{training, given_, wanted, Executor(graph, given_, wanted, weights_.by_name, device_)}));
  return prepared_.back()->executor;
}

void Program::set_device(at::Device device) {
  if (device == device_) return;
  device_ = device;
  for (Weight& weight : weights_.constants) weight.tensor.set_data(weight.tensor.to(device));
  for (const auto& prepared : prepared_) prepared->executor.set_device(device);
}

}  // namespace trainer::exported
