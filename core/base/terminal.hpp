// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What bars and log lines ask of the terminal.
namespace trainer {

bool is_terminal(int descriptor);
int terminal_columns(int descriptor);  ///< 80 when it is not a terminal

}  // namespace trainer
