// SPDX-License-Identifier: Apache-2.0
//
// What NVIDIA GPUs do, by the names of W&B's own monitor.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shared/system/nvml.hpp"

namespace trainer::wandb {

/// All GPUs of the machine, as W&B's client measures them, numbered as NVML has them.
class GpuSampler {
 public:
  /// Null without the library, or when the driver does not run.
  static std::unique_ptr<GpuSampler> open(const char* library = plugins::nvml_library);
  ~GpuSampler();
  GpuSampler(const GpuSampler&) = delete;
  GpuSampler& operator=(const GpuSampler&) = delete;

  /// Appends (name, value); what a GPU does not tell is left out.
  void sample(std::vector<std::pair<std::string, double>>& row) const;

 private:
  explicit GpuSampler(const plugins::NvmlApi& api) : api_(api) {}

  plugins::NvmlApi api_;
};

}  // namespace trainer::wandb
