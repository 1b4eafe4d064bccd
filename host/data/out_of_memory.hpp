// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <string_view>

namespace trainer {

/// Whether a smaller batch may help: the texts that accelerate's should_reduce_batch_size looks for.
inline bool is_out_of_memory(const std::exception& e) {
  const std::string_view text = e.what();
  return text.find(" out of memory.") != text.npos || text.find("CUDNN_STATUS_NOT_SUPPORTED.") != text.npos ||
         text.find("can't allocate memory") != text.npos;
}

}  // namespace trainer
