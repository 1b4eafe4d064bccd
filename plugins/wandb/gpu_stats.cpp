// SPDX-License-Identifier: Apache-2.0
//
// Reads NVML for the rows of the system.
#include "gpu_stats.hpp"

#include <optional>

namespace trainer::wandb {

std::unique_ptr<GpuSampler> GpuSampler::open(const char* library) {
  std::string why;
  const std::optional<plugins::NvmlApi> api = plugins::bind_nvml(library, why);
  if (!api || api->init() != 0) return nullptr;
  return std::unique_ptr<GpuSampler>(new GpuSampler(*api));
}

GpuSampler::~GpuSampler() { api_.shutdown(); }

void GpuSampler::sample(std::vector<std::pair<std::string, double>>& row) const {
  unsigned count = 0;
  api_.device_count(&count);
  for (unsigned i = 0; i < count; ++i) {
    void* device = nullptr;
    if (api_.device(i, &device) != 0) continue;
    const auto add = [&](const char* name, double v) { row.emplace_back("gpu." + std::to_string(i) + "." + name, v); };
    plugins::NvmlUtilization rates{};
    if (api_.utilization(device, &rates) == 0) add("gpu", rates.gpu), add("memory", rates.memory);
    plugins::NvmlMemory memory{};
    if (api_.memory(device, &memory) == 0 && memory.total > 0) {
      const auto used = static_cast<double>(memory.used);
      add("memoryAllocated", 100 * used / static_cast<double>(memory.total));
      add("memoryAllocatedBytes", used);
    }
    unsigned value = 0, limit = 0;
    if (api_.temperature(device, plugins::nvml_temperature_gpu, &value) == 0) add("temp", value);
    if (api_.power(device, &value) == 0) {
      add("powerWatts", value / 1000.0);
      if (api_.power_limit(device, &limit) == 0 && limit > 0) {
        add("enforcedPowerLimitWatts", limit / 1000.0);
        add("powerPercent", 100.0 * value / limit);
      }
    }
    if (api_.clock(device, plugins::nvml_clock_sm, &value) == 0) add("smClock", value);
    if (api_.clock(device, plugins::nvml_clock_memory, &value) == 0) add("memoryClock", value);
  }
}

}  // namespace trainer::wandb
