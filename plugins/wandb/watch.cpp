// SPDX-License-Identifier: Apache-2.0
//
// Histograms as torch.histc() counts them.
#include "watch.hpp"

#include <trainer/ext/parameters.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <trainer/sdk/repr.hpp>

#include "shared/run_config/run_config.hpp"

namespace trainer::wandb {
namespace {

constexpr std::size_t most_bins = 64;

float from_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = bits & 1023;
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == 31) return fraction == 0 ? static_cast<float>(sign * INFINITY) : NAN;
  const double value = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 1024, exponent - 25);
  return static_cast<float>(sign * value);
}

float from_bfloat(std::uint16_t bits) {
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

template <typename From, typename To, typename Convert>
std::vector<To> converted(const std::vector<char>& bytes, Convert convert) {
  std::vector<To> values(bytes.size() / sizeof(From));
  for (std::size_t i = 0; i < values.size(); ++i) {
    From element;
    std::memcpy(&element, bytes.data() + i * sizeof element, sizeof element);
    values[i] = convert(element);
  }
  return values;
}

/// Only floating-point numbers have a histogram.
Histogram of_tensor(const trainer_tensor& tensor, const std::vector<char>& bytes) {
  const bool bfloat = tensor.dtype_code == 4, real = tensor.dtype_code == 2;
  if (real && tensor.dtype_bits == 64) return histogram(converted<double, double>(bytes, [](double v) { return v; }));
  if (real && tensor.dtype_bits == 32) return histogram(converted<float, float>(bytes, [](float v) { return v; }));
  if (real && tensor.dtype_bits == 16) return histogram(converted<std::uint16_t, float>(bytes, from_half));
  if (bfloat && tensor.dtype_bits == 16) return histogram(converted<std::uint16_t, float>(bytes, from_bfloat));
  return {};
}

std::size_t bytes_of(const trainer_tensor& tensor) {
  std::size_t bytes = tensor.dtype_bits / 8;
  for (std::int32_t i = 0; i < tensor.ndim; ++i) bytes *= static_cast<std::size_t>(tensor.shape[i]);
  return bytes;
}

template <typename List, typename Append>
std::string json_list(const List& list, Append append) {
  std::string text = "[";
  for (const auto& value : list) {
    if (text.size() > 1) text += ", ";
    append(text, value);
  }
  return text + "]";
}

}  // namespace

template <typename T>
Histogram histogram(std::vector<T> values) {
  values.erase(std::remove_if(values.begin(), values.end(), [](T v) { return !std::isfinite(v); }), values.end());
  if (values.empty()) return {};
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const T low = *least, high = *most;
  if (low == high)
    return {{static_cast<std::int64_t>(values.size())}, {static_cast<float>(low), static_cast<float>(high)}};
  if (!std::isfinite(high - low)) return {};  // torch refuses such a range
  Histogram made{std::vector<std::int64_t>(most_bins), std::vector<float>(most_bins + 1)};
  for (const T v : values) {
    const auto bin = static_cast<std::size_t>((v - low) * static_cast<T>(most_bins) / (high - low));
    ++made.counts[std::min(bin, most_bins - 1)];
  }
  // torch.linspace() counts from the nearer end.
  const float first = static_cast<float>(low), last = static_cast<float>(high);
  const float step = (last - first) / static_cast<float>(most_bins);
  for (std::size_t i = 0; i <= most_bins; ++i)
    made.edges[i] = i < (most_bins + 1) / 2 ? first + step * static_cast<float>(i)
                                            : last - step * static_cast<float>(most_bins - i);
  return made;
}

template Histogram histogram(std::vector<float>);
template Histogram histogram(std::vector<double>);

Watch::Watch(const sdk::Host& host, std::string_view what, std::int64_t every)
    : host_(host),
      tensors_(host.extension<trainer_ext_parameters>(TRAINER_EXT_PARAMETERS)),
      parameters_(tensors_ != nullptr && (what == "all" || what == "parameters")),
      gradients_(tensors_ != nullptr && (what == "all" || what == "gradients")),
      every_(every) {
  // A training that will not have them says so now, and not when they are due.
  if (gradients_) tensors_->count(host_.raw(), TRAINER_OF_GRADIENTS);
}

void Watch::after_forward(Items& row) {
  if (!parameters_ || ++forwards_ < every_) return;
  forwards_ = 0;
  add_all(row, TRAINER_OF_MODEL, "parameters/");
}

void Watch::after_backward(Items& row) {
  if (!gradients_ || ++backwards_ < every_) return;
  backwards_ = 0;
  add_all(row, TRAINER_OF_GRADIENTS, "gradients/");
}

void Watch::add_all(Items& row, std::uint32_t of, std::string_view prefix) {
  const std::uint64_t count = tensors_->count(host_.raw(), of);
  std::vector<char> bytes;
  for (std::uint64_t i = 0; i < count; ++i) {
    trainer_text text{};
    trainer_tensor tensor{};
    tensor.struct_size = sizeof tensor;
    if (tensors_->at(host_.raw(), of, i, &text, &tensor) != TRAINER_OK) return;
    const std::string name = std::string(prefix) + std::string(sdk::view(text));
    if (plugins::is_buffer(name)) continue;
    bytes.resize(bytes_of(tensor));
    if (tensors_->copy(host_.raw(), of, i, bytes.data(), bytes.size()) != TRAINER_OK) continue;
    const Histogram made = of_tensor(tensor, bytes);
    if (made.counts.empty()) continue;
    row.add(name, "_type", "\"histogram\"");
    row.add(name, "values", json_list(made.counts, [](std::string& out, std::int64_t n) { out += std::to_string(n); }));
    row.add(name, "bins", json_list(made.edges, [](std::string& out, float edge) {
              sdk::append_repr(out, static_cast<double>(edge));
            }));
  }
}

}  // namespace trainer::wandb
