// SPDX-License-Identifier: Apache-2.0
//
// What is asked of the system about processes, threads and the time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace trainer {

std::int64_t process_id();
bool process_is_alive(std::int64_t pid);  ///< of this host, whosever it is
std::string host_name();                  ///< empty when the system does not tell

/// A variable of this process's environment, for libraries that read it; with `keep` only when it is not set.
void set_variable(const char* name, const char* value, bool keep = false);

/// Those of this process's environment, NAME=value, in UTF-8.
std::vector<std::string> environment_variables();

/// The user's own, by $HOME, on Windows by %USERPROFILE%; empty when there is none.
std::string home_directory();

/// The time in UTC by strftime()'s format.
std::string utc_now(const char* format);

/// While one lives, the threads that this one starts get no signals: these are for the threads of the program.
class WithoutSignals {
 public:
  WithoutSignals();
  ~WithoutSignals();
  WithoutSignals(const WithoutSignals&) = delete;

 private:
  void* before_ = nullptr;  // the system's own
};

}  // namespace trainer
