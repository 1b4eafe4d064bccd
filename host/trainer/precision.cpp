// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "trainer/precision.hpp"

#include <ATen/autocast_mode.h>
#include <ATen/core/Dict.h>
#include <ATen/core/ivalue.h>

#include "trainer/torch_file.hpp"

namespace trainer {

Autocast::Autocast(at::DeviceType device, at::ScalarType type) : device_(device), type_(type) {
  if (type_ == at::kFloat) return;
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, type_);
  at::autocast::increment_nesting();
}

Autocast::~Autocast() {
  if (type_ == at::kFloat) return;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, false);
}

GradScaler::GradScaler(at::Device device)
    : scale_(at::full({}, 65536.0, at::TensorOptions(device).dtype(at::kFloat))),
      growth_tracker_(at::zeros({}, at::TensorOptions(device).dtype(at::kInt))),
      found_inf_(at::zeros({}, at::TensorOptions(device).dtype(at::kFloat))) {}

at::Tensor GradScaler::scale(const at::Tensor& loss) const { return loss * scale_; }

void GradScaler::unscale(std::vector<at::Tensor>& grads) {
  found_inf_.zero_();
  // The reciprocal in double, then float32: torch's own order.
  const auto inverse = scale_.to(at::kDouble).reciprocal().to(at::kFloat);
  at::_amp_foreach_non_finite_check_and_unscale_(grads, found_inf_, inverse);
}

bool GradScaler::step_is_good() const { return found_inf_.item<float>() == 0; }

void GradScaler::update() {
  at::_amp_update_scale_(scale_, growth_tracker_, found_inf_, growth_factor, backoff_factor, growth_interval);
}

void GradScaler::load(double scale, std::int64_t growth_tracker) {
  scale_.fill_(scale);
  growth_tracker_.fill_(growth_tracker);
}

c10::IValue scaler_state(const GradScaler& scaler) {
  c10::impl::GenericDict dict(c10::StringType::get(), c10::AnyType::get());
  dict.insert("scale", scaler.get_scale());
  dict.insert("growth_factor", GradScaler::growth_factor);
  dict.insert("backoff_factor", GradScaler::backoff_factor);
  dict.insert("growth_interval", GradScaler::growth_interval);
  dict.insert("_growth_tracker", scaler.growth_tracker());
  return dict;
}

void load_scaler(GradScaler& scaler, const std::filesystem::path& path) {
  const auto dict = read_torch_file(path).toGenericDict();
  scaler.load(dict.at("scale").toDouble(), dict.at("_growth_tracker").toInt());
}

}  // namespace trainer
