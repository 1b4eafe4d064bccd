// SPDX-License-Identifier: Apache-2.0
//
// GPU energy from NVIDIA's driver library, bound at run time: own prototypes after nvml.h, of
// functions that have had one form since the Volta generation.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "power.hpp"

namespace trainer::codecarbon {

inline constexpr const char* nvml_library = "libnvidia-ml.so.1";

struct NvmlUtilization {
  unsigned gpu;  // % of the last sample period in which a kernel ran
  unsigned memory;
};

/// All return 0 for success.
struct NvmlApi {
  int (*init)();
  int (*shutdown)();
  int (*device_count)(unsigned* count);
  int (*device)(unsigned index, void** device);
  int (*name)(void* device, char* text, unsigned size);
  int (*uuid)(void* device, char* text, unsigned size);
  int (*total_energy)(void* device, unsigned long long* millijoules);
  int (*power)(void* device, unsigned* milliwatts);
  int (*utilization)(void* device, NvmlUtilization* rates);
};

/// Which of the devices to measure: `gpu_ids` if set, else CUDA_VISIBLE_DEVICES if set, else all.
/// Indices and UUID prefixes, with commas; an id that is not there is named in a warning.
std::vector<unsigned> select_gpus(const std::optional<std::string>& gpu_ids,
                                  const std::optional<std::string>& cuda_visible_devices,
                                  const std::vector<std::string>& uuids, const Log& log);

class NvmlMeter : public Meter {
 public:
  /// Null without the library, without a device, or when none is selected; a missing library is no
  /// more than a debug line.
  static std::unique_ptr<NvmlMeter> open(const std::optional<std::string>& gpu_ids,
                                         const std::optional<std::string>& cuda_visible_devices, const Log& log,
                                         const char* library = nvml_library);
  /// The same over a given table.
  static std::unique_ptr<NvmlMeter> open(const NvmlApi& api, const std::optional<std::string>& gpu_ids,
                                         const std::optional<std::string>& cuda_visible_devices, const Log& log);
  ~NvmlMeter() override;

  void start() override;
  void sample(double seconds, double load) override;
  double take_joules(double seconds) override;

  int count() const { return static_cast<int>(devices_.size()); }
  std::string model() const;                           // "2 x NVIDIA H200"
  bool has_energy_counter() const;                     // of all devices
  double utilization() const { return utilization_; }  // mean % at the last sample

 private:
  struct Device {
    void* handle;
    std::string name;
    std::optional<double> millijoules;  // last reading; empty without a counter
    double sampled_joules = 0;          // power x time since then, for the time without a reading
  };
  NvmlMeter(const NvmlApi& api, std::vector<Device> devices) : api_(api), devices_(std::move(devices)) {}
  std::optional<double> energy(const Device& device) const;

  NvmlApi api_;
  std::vector<Device> devices_;
  double utilization_ = 0;
};

}  // namespace trainer::codecarbon
