// SPDX-License-Identifier: Apache-2.0
#include "system_stats.hpp"

#include <trainer/sdk/path.hpp>

#include <filesystem>

#include "shared/system/environment.hpp"
#include "system_counters.hpp"

namespace trainer::wandb {

Machine this_machine() {
  Machine machine;
  const plugins::OperatingSystem os = plugins::operating_system();
  if (!os.name.empty()) machine.os = os.name + "-" + os.release + "-" + os.architecture;
  std::error_code error;
  machine.program = program_path();
  machine.directory = sdk::text_of(std::filesystem::current_path(error));
  machine.host = plugins::host_name();
  const plugins::Processors cpus = plugins::processors();
  machine.cpu_model = cpus.model;
  machine.logical_cores = cpus.threads;
  machine.cores = cpus.cores == 0 ? cpus.threads : cpus.cores;
  if (const auto found = disk()) {
    machine.disk_total = static_cast<std::int64_t>(found->total);
    machine.disk_used = static_cast<std::int64_t>(found->used);
  }
  machine.memory_total = static_cast<std::int64_t>(plugins::machine_memory().total.value_or(0));
  return machine;
}

SystemSampler::SystemSampler()
    : first_(traffic()),
      last_cpus_(plugins::times_of_each_cpu()),
      last_process_(own_process().seconds),
      last_time_(std::chrono::steady_clock::now()) {}

std::vector<std::pair<std::string, double>> SystemSampler::sample() {
  std::vector<std::pair<std::string, double>> row;
  const auto add = [&](std::string name, double v) { row.emplace_back(std::move(name), v); };
  for (const auto& [name, value] : traffic())
    if (first_.count(name) != 0) add(name, value - first_[name]);

  const auto now = std::chrono::steady_clock::now();
  const double elapsed = std::chrono::duration<double>(now - last_time_).count();
  const std::vector<plugins::CpuTimes> cpus = plugins::times_of_each_cpu();
  const OwnProcess own = own_process();
  if (elapsed > 0 && !cpus.empty())
    add("cpu", 100 * (own.seconds - last_process_) / elapsed / static_cast<double>(cpus.size()));
  for (std::size_t i = 0; i < cpus.size() && cpus.size() == last_cpus_.size(); ++i) {
    const double total = cpus[i].total - last_cpus_[i].total;
    if (total > 0) add("cpu." + std::to_string(i) + ".cpu_percent", 100 * (cpus[i].busy - last_cpus_[i].busy) / total);
  }
  last_cpus_ = cpus, last_process_ = own.seconds, last_time_ = now;

  const plugins::Memory memory = plugins::machine_memory();
  const double total_memory = memory.total.value_or(0);
  if (total_memory > 0 && memory.available) {
    add("memory_percent", 100 * (total_memory - *memory.available) / total_memory);
    add("proc.memory.availableMB", *memory.available / megabyte);
  }
  if (total_memory > 0 && own.resident) {
    add("proc.memory.rssMB", *own.resident / megabyte);
    add("proc.memory.percent", 100 * *own.resident / total_memory);
  }
  if (own.threads) add("proc.cpu.threads", *own.threads);
  if (const auto found = disk()) {
    add("disk." + found->name + ".usagePercent", found->usage_percent);
    add("disk." + found->name + ".usageGB", found->used / gigabyte);
  }
  return row;
}

}  // namespace trainer::wandb
