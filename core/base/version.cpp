// SPDX-License-Identifier: Apache-2.0
#include "trainer/version.hpp"

namespace trainer {

const char* const version = TRAINER_VERSION;  // set by the build from the project's version

}  // namespace trainer
