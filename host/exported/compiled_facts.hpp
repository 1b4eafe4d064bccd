// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "exported/archive.hpp"

namespace trainer::exported {

/// A tensor that compiled code was made for.
struct CompiledTensor {
  std::string name;
  at::ScalarType type = at::kFloat;
  std::vector<std::int64_t> sizes, strides;
  bool requires_grad = true;  ///< of parameters and state: a buffer, or a parameter that was frozen, does not

  bool is_like(const at::Tensor& tensor) const {
    return tensor.defined() && tensor.scalar_type() == type && tensor.sizes() == sizes;
  }
};

/// What libtrainer.export(compiled_step=...) wrote of the code that it made.
struct CompiledFacts {
  std::string torch;    ///< the version that it was made with, without what follows "+"
  std::string machine;  ///< of processor: "x86_64", "aarch64"
  std::string target;   ///< "avx512", "avx2", "neon"
  std::vector<std::string> features;
  std::int64_t batch_size = 0;
  std::optional<double> max_grad_norm;  ///< the only one that the run may have
  std::vector<CompiledTensor> parameters, state, inputs;
  std::map<std::string, std::string> code;  ///< SHA-256 of "update" and "gradients"
};

/// An Error compiled-step.missing of a file without it, compiled-step.invalid of one that breaks a rule.
CompiledFacts read_compiled_facts(const Archive& archive);

}  // namespace trainer::exported
