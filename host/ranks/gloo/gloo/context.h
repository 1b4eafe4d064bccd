// SPDX-License-Identifier: Apache-2.0
//
// Gloo's own headers do not come with LibTorch, whose ProcessGroupGloo.hpp includes five of them, to name types to
// which it has pointers. These are declarations of what it names: nothing of Gloo is called or laid out here.
#pragma once

#include <chrono>

namespace gloo {
class Context {
 public:
  void setTimeout(std::chrono::milliseconds);
};
}  // namespace gloo
