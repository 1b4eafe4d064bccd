// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "trainer/host_context.hpp"

namespace trainer {

class Model;
class Optimizer;

/// The model's, gradients' and optimizer's tensors as plugins see them (ext/parameters.h).
class TensorViews : public TensorSource {
 public:
  void set_model(const Model* model) { model_ = model; }
  void set_optimizer(const Optimizer* optimizer) { optimizer_ = optimizer; }

  /// The first callback that asked for gradients since it was forgotten; empty while none did.
  const std::string& gradient_reader() const { return gradient_reader_; }
  void forget_gradient_reader() { gradient_reader_.clear(); }

  std::uint64_t count(std::uint32_t of) override;
  bool at(std::uint32_t of, std::uint64_t index, trainer_text& name, trainer_tensor& tensor) override;
  std::int32_t copy(std::uint32_t of, std::uint64_t index, void* to, std::uint64_t size) override;

 private:
  // Listed anew at each count(), and at index 0: an event may see other tensors than the last one.
  void list(std::uint32_t of);
  bool find(std::uint32_t of, std::uint64_t index);

  const Model* model_ = nullptr;
  const Optimizer* optimizer_ = nullptr;
  std::string gradient_reader_;
  std::uint32_t listed_ = ~0u;
  std::vector<std::pair<std::string, at::Tensor>> tensors_;
};

}  // namespace trainer
