// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/function_schema.h>
#include <ATen/core/stack.h>

namespace trainer::exported {

/// Throws where PyTorch's Python refuses arguments that the operator itself takes.
using OperatorCheck = void (*)(const torch::jit::Stack& arguments);

/// Null for an operator of which Python asks nothing more.
OperatorCheck operator_check(const c10::FunctionSchema& schema);

}  // namespace trainer::exported
