// SPDX-License-Identifier: Apache-2.0
//
// This program's name as /proc shows it.
#include <fstream>

#include "shared/system/process.hpp"

namespace trainer::plugins {

std::string program_name() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::string name;
  std::getline(in, name, '\0');
  return name.empty() ? "trainer" : name;
}

}  // namespace trainer::plugins
