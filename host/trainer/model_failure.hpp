// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>

#include "trainer/batch.hpp"
#include "trainer/error.hpp"

namespace trainer {

/// What a model or its loss threw for a batch as an Error model.failed: with the batch's shapes, and where the batch
/// may be at fault with what is in it and what was expected of it. An Error keeps its id.
Error model_failure(const std::exception_ptr& thrown, const Batch& inputs);

/// Calls `f`; what it throws leaves as above.
template <typename F>
decltype(auto) on_batch(const Batch& inputs, F&& f) {
  try {
    return f();
  } catch (...) {
    throw model_failure(std::current_exception(), inputs);
  }
}

}  // namespace trainer
