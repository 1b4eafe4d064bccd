// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/ivalue.h>

#include <functional>
#include <string>
#include <string_view>

namespace trainer {

/// The bytes of a tensor storage, by the name that the pickle has for it.
using ReadStorage = std::function<at::Tensor(const std::string& name, at::ScalarType type)>;

/// The value of a pickle that torch.save wrote (protocol 2): numbers, texts, containers and tensors, whose data come
/// from `read_storage`, one-dimensional. The pickle is not trusted: it runs nothing, and what it may ask for is limited
/// by its own size and that of the storages, in depth by 64 levels. Errors are std::runtime_error with what is wrong.
c10::IValue read_pickle(std::string_view pickle, const ReadStorage& read_storage);

}  // namespace trainer
