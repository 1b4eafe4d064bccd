// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace trainer {

extern const char* const version;  ///< of LibTrainer, "0.1.0"

}  // namespace trainer
