// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace trainer::exported {

/// A function that AOTInductor compiled, loaded into this process from a private copy of its bytes.
class CompiledCode {
 public:
  /// `file` is named in Errors (compiled-step.invalid): of bytes that cannot be loaded, or of a function of other
  /// numbers of tensors. What is loaded runs code; who calls this trusts it.
  CompiledCode(const std::string& bytes, std::size_t inputs, std::size_t outputs, const std::string& file);
  ~CompiledCode();

  /// The inputs must be those that it was made for: of them nothing is checked. Without gradients. What the code
  /// throws, of a label or a token that is out of bounds, is an Error model.failed.
  std::vector<at::Tensor> run(const std::vector<at::Tensor>& inputs);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace trainer::exported
