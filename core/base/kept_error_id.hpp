// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "trainer/error_ids.hpp"

namespace trainer {

/// An id that came as text, from another process; it lives as long as the program does. Of more than
/// a thousand of them run.failed.
ErrorId kept_error_id(const std::string& text);

}  // namespace trainer
