// SPDX-License-Identifier: Apache-2.0
//
// What the TensorBoard plugin asks of the operating system beside files (sdk/file.hpp):
// system_posix.cpp is the file to port.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

namespace trainer::tensorboard {

std::string host_name();  ///< as Python's socket.gethostname(); "localhost" when it cannot be had
std::int64_t process_id();
std::tm local_time(std::time_t seconds);

/// A user's home directory, the current user's for ""; empty when unknown. $HOME comes first.
std::string home_directory(const std::string& user);

}  // namespace trainer::tensorboard
