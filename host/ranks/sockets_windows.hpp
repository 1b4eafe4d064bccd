// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace trainer {

/// Winsock works from the first call on until the process ends; its error, or 0.
int start_sockets();

}  // namespace trainer
