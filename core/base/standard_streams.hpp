// SPDX-License-Identifier: Apache-2.0
//
// stdin, stdout and stderr of a program that is to outlive its console.
#pragma once

#include <string>

namespace trainer {

/// First of all in main(): of the descriptors 0 to 2 those that are closed lead to /dev/null, or the next
/// file that is opened would get what is printed; and a write to a pipe that nobody reads any more, or
/// beyond the largest size of a file, is an error of that write and no signal. On Windows, lines end as they do
/// elsewhere, and a console takes UTF-8.
void secure_standard_streams();

/// Why something that was printed on stdout did not arrive; empty when all did. Flushes it.
std::string stdout_failure();

}  // namespace trainer
