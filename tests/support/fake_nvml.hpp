// SPDX-License-Identifier: Apache-2.0
//
// A libnvidia-ml.so.1 for tests, in C, with two GPUs. Each reading of the counter of GPU i finds 1000 (i + 1) J more.
#pragma once

namespace trainer::test {

inline constexpr const char* fake_nvml = R"(#include <stdio.h>
static unsigned long long energy[2] = {5000000, 7000000};
static int number(void* device) { return *(char*)device - '0'; }
static char devices[2] = {'0', '1'};
int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned* count) { return *count = 2, 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void** device) { return *device = devices + i, 0; }
int nvmlDeviceGetName(void* device, char* text, unsigned size) {
  return (void)device, snprintf(text, size, "Fake GPU"), 0;
}
int nvmlDeviceGetUUID(void* device, char* text, unsigned size) {
  return snprintf(text, size, "GPU-%dabc", number(device)), 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* mj) {
  return *mj = energy[number(device)] += 1000000ull * (number(device) + 1), 0;
}
int nvmlDeviceGetPowerUsage(void* device, unsigned* mw) { return (void)device, *mw = 100000, 0; }
int nvmlDeviceGetEnforcedPowerLimit(void* device, unsigned* mw) {
  return *mw = 400000, number(device) == 0 ? 0 : 3; /* NVML_ERROR_NOT_SUPPORTED */
}
int nvmlDeviceGetUtilizationRates(void* device, unsigned* rates) {
  return rates[0] = 40 + 20 * number(device), rates[1] = 5, 0;
}
int nvmlDeviceGetMemoryInfo(void* device, unsigned long long* bytes) {
  return (void)device, bytes[0] = 8000, bytes[1] = 6000, bytes[2] = 2000, 0;
}
int nvmlDeviceGetTemperature(void* device, int sensor, unsigned* celsius) {
  return *celsius = 50 + number(device), sensor == 0 ? 0 : 2; /* NVML_ERROR_INVALID_ARGUMENT */
}
int nvmlDeviceGetClockInfo(void* device, int clock, unsigned* mhz) { return (void)device, *mhz = 1000 * clock, 0; }
)";

}  // namespace trainer::test
