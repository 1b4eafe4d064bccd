// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "trainer/error.hpp"

namespace trainer::test {

/// The line of the Error that `f` throws, with its id; "no error" when it throws none.
template <typename F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace trainer::test
