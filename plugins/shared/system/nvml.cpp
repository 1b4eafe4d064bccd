// SPDX-License-Identifier: Apache-2.0
//
// Binds NVML.
#include "nvml.hpp"

#include "shared_library.hpp"

namespace trainer::plugins {

std::optional<NvmlApi> bind_nvml(const char* library, std::string& why) {
  const SharedLibrary nvml(library);
  NvmlApi api{};
  if (!nvml)
    why = "no NVIDIA GPU: " + nvml.error();
  else if (nvml.bind("nvmlInit_v2", api.init) && nvml.bind("nvmlShutdown", api.shutdown) &&
           nvml.bind("nvmlDeviceGetCount_v2", api.device_count) &&
           nvml.bind("nvmlDeviceGetHandleByIndex_v2", api.device) && nvml.bind("nvmlDeviceGetName", api.name) &&
           nvml.bind("nvmlDeviceGetUUID", api.uuid) &&
           nvml.bind("nvmlDeviceGetTotalEnergyConsumption", api.total_energy) &&
           nvml.bind("nvmlDeviceGetPowerUsage", api.power) &&
           nvml.bind("nvmlDeviceGetEnforcedPowerLimit", api.power_limit) &&
           nvml.bind("nvmlDeviceGetUtilizationRates", api.utilization) &&
           nvml.bind("nvmlDeviceGetMemoryInfo", api.memory) && nvml.bind("nvmlDeviceGetTemperature", api.temperature) &&
           nvml.bind("nvmlDeviceGetClockInfo", api.clock))
    return api;
  else
    why = std::string(library) + " lacks a function; GPUs are not measured";
  return std::nullopt;
}

}  // namespace trainer::plugins
