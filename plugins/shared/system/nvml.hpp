// SPDX-License-Identifier: Apache-2.0
//
// NVIDIA's driver library, bound at run time: own prototypes after nvml.h, of functions that have had one form since
// the Volta generation.
#pragma once

#include <optional>
#include <string>

namespace trainer::plugins {

#if defined(_WIN32)
inline constexpr const char* nvml_library = "nvml.dll";
#else
inline constexpr const char* nvml_library = "libnvidia-ml.so.1";
#endif

struct NvmlUtilization {
  unsigned gpu;     ///< % of the last sample period in which a kernel ran
  unsigned memory;  ///< % in which memory was read or written
};

struct NvmlMemory {
  unsigned long long total, free, used;  ///< bytes
};

enum NvmlClock { nvml_clock_sm = 1, nvml_clock_memory = 2 };
inline constexpr int nvml_temperature_gpu = 0;

/// All return 0 for success.
struct NvmlApi {
  int (*init)();  ///< counted: each wants its shutdown
  int (*shutdown)();
  int (*device_count)(unsigned* count);
  int (*device)(unsigned index, void** device);
  int (*name)(void* device, char* text, unsigned size);
  int (*uuid)(void* device, char* text, unsigned size);
  int (*total_energy)(void* device, unsigned long long* millijoules);
  int (*power)(void* device, unsigned* milliwatts);
  int (*power_limit)(void* device, unsigned* milliwatts);
  int (*utilization)(void* device, NvmlUtilization* rates);
  int (*memory)(void* device, NvmlMemory* memory);
  int (*temperature)(void* device, int sensor, unsigned* celsius);
  int (*clock)(void* device, int clock, unsigned* mhz);
};

/// Nothing without the library or one of the functions, which `why` then says.
std::optional<NvmlApi> bind_nvml(const char* library, std::string& why);

}  // namespace trainer::plugins
