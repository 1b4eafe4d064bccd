// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace trainer {

/// What bytes that are no plain text look like, "a gzip archive"; empty when they may be text.
std::string_view file_kind(std::string_view bytes);

}  // namespace trainer
