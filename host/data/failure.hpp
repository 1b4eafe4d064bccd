// SPDX-License-Identifier: Apache-2.0
//
// What a dataset, a model, a metric or LibTorch throws, as an Error.
#pragma once

#include <ATen/core/Tensor.h>

#include <exception>
#include <string>

#include "trainer/error.hpp"

namespace trainer {

class Batch;

/// An Error for what was thrown: its sentence is "PLACE: " and the text, its cause the first exception, and its id
/// `id`, or memory.exhausted where that is so. An Error keeps its id, and one of wrong use stays as it is.
Error as_error(const std::exception_ptr& thrown, ErrorId id, const std::string& place = {});

/// Calls `f`; what it throws leaves as above. `place` is called only then.
template <typename F, typename Place>
decltype(auto) at_place(ErrorId id, const Place& place, F&& f) {
  try {
    return f();
  } catch (...) {
    throw as_error(std::current_exception(), id, place());
  }
}

/// Parts of sentences: "[8, 3]"; "[8, 3] Float"; "batch features [8, 3] Float, labels [8] Long"; "rows 3, 0, 7 of the
/// dataset".
/// @{
std::string shape_text(at::IntArrayRef sizes);
std::string tensor_text(const at::Tensor& tensor);
std::string batch_text(const Batch& batch);
std::string rows_text(const at::Tensor& rows);
/// @}

}  // namespace trainer
