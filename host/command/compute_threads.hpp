// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace trainer::command {

/// Starts the threads that LibTorch computes with, now, and with a warning fewer of them where not all can
/// be had: OpenMP would start them at some later time, and ends the process when it cannot.
void start_compute_threads();

}  // namespace trainer::command
