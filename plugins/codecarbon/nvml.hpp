// SPDX-License-Identifier: Apache-2.0
//
// GPU energy from NVIDIA's driver library.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "power.hpp"
#include "shared/system/nvml.hpp"

namespace trainer::codecarbon {

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
                                         const char* library = plugins::nvml_library);
  /// The same over a given table.
  static std::unique_ptr<NvmlMeter> open(const plugins::NvmlApi& api, const std::optional<std::string>& gpu_ids,
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
  NvmlMeter(const plugins::NvmlApi& api, std::vector<Device> devices) : api_(api), devices_(std::move(devices)) {}
  std::optional<double> energy(const Device& device) const;

  plugins::NvmlApi api_;
  std::vector<Device> devices_;
  double utilization_ = 0;
};

}  // namespace trainer::codecarbon
