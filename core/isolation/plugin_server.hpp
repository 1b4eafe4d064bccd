// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isolation/server_options.hpp"

namespace trainer::isolation {

/// The whole of `trainer plugins host`: loads a plugin for the trainer that started this process, and gives it the
/// run's events until that says that it is over, or is gone. The exit status.
int serve_plugin(const ServerOptions& options);

}  // namespace trainer::isolation
