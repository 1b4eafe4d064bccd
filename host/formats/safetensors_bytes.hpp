// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trainer {

/// Gives `write` the bytes of a safetensors file, piece by piece: what save_safetensors() says of it. `metadata` joins
/// {"format": "pt"}; `where` names the file in errors.
void write_safetensors(const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata, const std::string& where,
                       const std::function<void(std::string_view)>& write);

}  // namespace trainer
