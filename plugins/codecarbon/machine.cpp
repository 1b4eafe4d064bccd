// SPDX-License-Identifier: Apache-2.0
//
// CodeCarbon's view of the machine, made of what shared/system tells.
#include "machine.hpp"

#include "shared/system/machine.hpp"
#include "text.hpp"

namespace trainer::codecarbon {

Memory memory() {
  constexpr double gb = 1024.0 * 1024 * 1024;
  const plugins::Memory bytes = plugins::machine_memory();
  const double total = bytes.total.value_or(0);
  return {total / gb, (total - bytes.available.value_or(0)) / gb};
}

Machine machine() {
  const plugins::OperatingSystem os = plugins::operating_system();
  const plugins::Processors cpus = plugins::processors();
  Machine out;
  if (!os.name.empty()) out.os = os.name + "-" + os.release + "-" + os.architecture;
  if (!out.os.empty() && !os.c_library.empty()) out.os += "-with-" + os.c_library;
  out.cpu_model = cpus.model;
  out.threads = cpus.threads;
  out.sockets = cpus.sockets;
  const std::string architecture = to_lower(os.architecture);
  out.arm = architecture.find("arm") != std::string::npos || architecture.find("aarch") != std::string::npos;
  return out;
}

}  // namespace trainer::codecarbon
