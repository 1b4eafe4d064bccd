// SPDX-License-Identifier: Apache-2.0
//
// The machine as CodeCarbon's columns and formulas have it.
#pragma once

#include <string>

namespace trainer::codecarbon {

struct Memory {
  double total_gb = 0;  // GB of 1024^3 bytes, as CodeCarbon counts them
  double used_gb = 0;   // total less available
};
Memory memory();  // zeros when unknown

struct Machine {
  std::string os;         // platform.platform() of Python: "Linux-6.1.0-x86_64-with-glibc2.36"
  std::string cpu_model;  // brand, empty when unknown
  int threads = 0;        // logical CPUs; 0 when unknown
  int sockets = 1;
  bool arm = false;
};
Machine machine();

}  // namespace trainer::codecarbon
