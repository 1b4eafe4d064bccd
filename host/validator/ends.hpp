// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

namespace trainer::validator {

/// Ends a test: it failed, it does not apply, or the plugin politely refuses to go on.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct Skip : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace trainer::validator
