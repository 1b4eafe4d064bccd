// SPDX-License-Identifier: Apache-2.0
//
// Training in half precision: autocast, and the scaling of the loss for fp16.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <vector>

namespace c10 {
struct IValue;
}

namespace trainer {

/// Autocast on a device for a scope; does nothing with a type of float32.
class Autocast {
 public:
  Autocast(at::DeviceType device, at::ScalarType type);
  ~Autocast();
  Autocast(const Autocast&) = delete;

 private:
  at::DeviceType device_;
  at::ScalarType type_;
};

/// Loss scaling for fp16: torch.amp.GradScaler with its defaults. A step whose gradients overflow
/// is skipped, and the scale halved; after 2000 good steps it doubles.
class GradScaler {
 public:
  explicit GradScaler(at::Device device);

  at::Tensor scale(const at::Tensor& loss) const;
  /// Divides the gradients by the scale; remembers whether one was not finite.
  void unscale(std::vector<at::Tensor>& grads);
  /// Whether the last unscale() found only finite gradients. Waits for the device.
  bool step_is_good() const;
  /// 1 when it found another one, else 0: float32, on the device.
  const at::Tensor& found_inf() const { return found_inf_; }
  /// After the step: adapts the scale.
  void update();

  double get_scale() const { return scale_.item<float>(); }
  std::int64_t growth_tracker() const { return growth_tracker_.item<int>(); }
  void load(double scale, std::int64_t growth_tracker);

  static constexpr double growth_factor = 2.0;
  static constexpr double backoff_factor = 0.5;
  static constexpr std::int64_t growth_interval = 2000;

 private:
  at::Tensor scale_;           // float32 scalar
  at::Tensor growth_tracker_;  // int32 scalar
  at::Tensor found_inf_;       // float32 scalar, 0 or 1
};

/// state_dict() of torch's scaler, and back from a checkpoint's file of it.
c10::IValue scaler_state(const GradScaler& scaler);
void load_scaler(GradScaler& scaler, const std::filesystem::path& path);

}  // namespace trainer
