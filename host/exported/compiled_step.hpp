// SPDX-License-Identifier: Apache-2.0
//
// A model's training step as code from its file (sdk/python's _pt2_compiled.py makes it, and says what it computes).
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "exported/compiled_code.hpp"
#include "exported/compiled_facts.hpp"
#include "exported/weights.hpp"
#include "trainer/batch.hpp"

namespace trainer::exported {

class CompiledStep {
 public:
  enum class Call { update, gradients };

  /// Refuses, by Errors compiled-step.*, a file that others may write, code for another processor or LibTorch, code
  /// that is not what was exported, and weights that it was not made for. Nothing of it runs yet. `column_of` gives the
  /// name of an input in batches.
  CompiledStep(const std::filesystem::path& file, Call wanted, const Weights& weights,
               const std::function<std::string(const std::string&)>& column_of);

  const std::string& file() const { return file_; }
  const CompiledFacts& facts() const { return facts_; }
  /// Whether a step of the run is one call: the update was asked for, and gradients are not accumulated.
  bool updates(std::int64_t gradient_accumulation_steps) const {
    return wanted_ == Call::update && gradient_accumulation_steps == 1;
  }
  /// As they stand in the model, and as run() takes them.
  /// @{
  const std::vector<at::Tensor>& parameters() const { return parameters_; }
  const std::vector<at::Tensor>& state() const { return state_; }
  /// @}

  /// From here on the file's code runs in this process.
  void load(Call call);
  /// Whether it was made for the types and sizes of this batch.
  bool takes(const Batch& batch) const;
  /// Tensors between parameters and state: of an update exp_avg of each parameter, exp_avg_sq of each, and the numbers;
  /// of gradients the scale of the loss.
  at::Tensor& given(std::size_t i) { return inputs_[parameters_.size() + i]; }
  /// Of an update the loss and the gradients' norm; of gradients the loss and the gradient of each parameter. `batch`
  /// is one that it takes.
  std::vector<at::Tensor> run(const Batch& batch);

 private:
  void require_trust(const std::filesystem::path& file) const;
  void require_runnable() const;
  std::vector<at::Tensor> find(const std::vector<CompiledTensor>& wanted, const Weights& weights) const;

  std::string file_;
  Call wanted_;
  CompiledFacts facts_;
  std::vector<std::string> columns_;  // of inputs
  std::map<std::string, std::string> bytes_;
  std::vector<at::Tensor> parameters_, state_;
  std::optional<CompiledCode> code_;
  std::vector<at::Tensor> inputs_;
};

/// A model that may have one.
class CompiledModel {
 public:
  virtual ~CompiledModel() = default;
  virtual CompiledStep* compiled_step() = 0;  ///< null when none was asked for
};

}  // namespace trainer::exported
