// SPDX-License-Identifier: Apache-2.0
//
// tensors.hpp - the model's parameters, gradients and optimizer state, without torch (ext/parameters.h).
//
//   for (const Tensor& gradient : host.gradients()) {
//     const Norms norms = gradient.norms();
//     if (norms.nan_count > 0) ...
//   }
//
// All of it only during an event: nothing here owns the tensors.
#pragma once

#include <trainer/ext/parameters.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <trainer/sdk/value.hpp>
#include <type_traits>
#include <utility>
#include <vector>

namespace trainer::sdk {

/// std::span of C++20.
template <typename T>
class Span {
 public:
  Span(const T* data, std::size_t size) : data_(data), size_(size) {}
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  const T& operator[](std::size_t i) const { return data_[i]; }

 private:
  const T* data_;
  std::size_t size_;
};

/// Of all elements but those that are NaN.
struct Norms {
  double l2 = 0, max_abs = 0;
  std::uint64_t nan_count = 0;
};

class Tensor {
 public:
  Tensor(const trainer_host* host, std::uint32_t of, std::uint64_t index, std::string_view name,
         const trainer_tensor& view)
      : host_(host), of_(of), index_(index), name_(name), view_(view) {}

  std::string_view name() const { return name_; }
  Span<std::int64_t> shape() const { return {view_.shape, static_cast<std::size_t>(view_.ndim)}; }
  Span<std::int64_t> strides() const { return {view_.strides, static_cast<std::size_t>(view_.ndim)}; }  ///< in elements
  std::uint64_t size() const {                                                                          ///< elements
    std::uint64_t out = 1;
    for (const std::int64_t n : shape()) out *= static_cast<std::uint64_t>(n);
    return out;
  }

  /// As torch names it: "float32", "bfloat16", "int64", "uint8", "bool".
  std::string dtype() const {
    static const char* const kinds[] = {"int", "uint", "float", "", "bfloat", "complex", "bool"};
    const std::string kind = view_.dtype_code < 7 ? kinds[view_.dtype_code] : "";
    return kind == "bool" ? kind : (kind.empty() ? "unknown" : kind) + std::to_string(view_.dtype_bits);
  }
  /// "cpu", "cuda:0".
  std::string device() const {
    if (is_cpu()) return "cpu";
    return (view_.device_type == 2 ? "cuda:" : "device " + std::to_string(view_.device_type) + ":") +
           std::to_string(view_.device_id);
  }
  bool is_cpu() const { return view_.device_type == 1; }
  bool is_contiguous() const {
    std::int64_t expected = 1;
    for (std::int32_t d = view_.ndim; d-- > 0; expected *= view_.shape[d])
      if (view_.shape[d] != 1 && view_.strides[d] != expected) return size() == 0;
    return true;
  }

  /// The elements where they are, the last dimension first: of a contiguous tensor on the CPU whose type is T.
  /// Otherwise it throws std::logic_error; copy() gives them then.
  template <typename T>
  Span<T> elements() const {
    if (!is_cpu() || !is_contiguous() || !is<T>())
      throw std::logic_error(std::string(name_) + " is a " + (is_contiguous() ? "" : "strided ") + dtype() + " on " +
                             device() + ", whose elements are no such span; take a copy()");
    const auto* bytes = static_cast<const char*>(view_.data) + (size() > 0 ? view_.byte_offset : 0);
    return {reinterpret_cast<const T*>(bytes), static_cast<std::size_t>(size())};
  }

  /// The elements, the last dimension first, as T (float, double, std::int64_t ...), from any type but complex and any
  /// device; waits for the device.
  template <typename T>
  std::vector<T> copy() const {
    std::vector<T> out;
    out.reserve(static_cast<std::size_t>(size()));
    each([&](auto element) { out.push_back(static_cast<T>(element)); });
    return out;
  }

  /// In double; waits for the device. Nothing is copied of a contiguous tensor on the CPU.
  Norms norms() const {
    Norms out;
    double sum = 0;
    each([&](auto element) {
      const auto x = static_cast<double>(element);
      if (std::isnan(x)) return void(++out.nan_count);
      sum += x * x;
      out.max_abs = std::fmax(out.max_abs, std::fabs(x));
    });
    out.l2 = std::sqrt(sum);
    return out;
  }

  const trainer_tensor& raw() const { return view_; }

 private:
  template <typename T>
  bool is() const {
    if (view_.dtype_bits != 8 * sizeof(T) || view_.dtype_lanes != 1) return false;
    if (std::is_same_v<T, bool>) return view_.dtype_code == 6;
    if (std::is_floating_point_v<T>) return view_.dtype_code == 2;
    return view_.dtype_code == (std::is_signed_v<T> ? 0u : 1u) && std::is_integral_v<T>;
  }

  // Calls function(element) in order; float16 and bfloat16 come as float.
  template <typename F>
  void each(const F& function) const {
    std::vector<char> copied;
    const char* bytes = static_cast<const char*>(view_.data) + view_.byte_offset;
    const std::size_t element = (view_.dtype_bits + 7) / 8, n = static_cast<std::size_t>(size());
    if (n == 0) return;
    if (!is_cpu() || !is_contiguous()) {
      copied.resize(n * element);
      const auto* table =
          static_cast<const trainer_ext_parameters*>(host_->get_extension(host_, TRAINER_EXT_PARAMETERS));
      if (table->copy(host_, of_, index_, copied.data(), copied.size()) != TRAINER_OK)
        throw std::runtime_error("the host could not copy " + std::string(name_));
      bytes = copied.data();
    }
    const auto all = [&](auto zero, auto&& convert) {
      for (std::size_t i = 0; i < n; ++i) {
        auto x = zero;
        std::memcpy(&x, bytes + i * sizeof x, sizeof x);
        function(convert(x));
      }
    };
    const auto same = [](auto x) { return x; };
    switch (view_.dtype_code << 8 | view_.dtype_bits) {
      case 2u << 8 | 32:
        return all(float{}, same);
      case 2u << 8 | 64:
        return all(double{}, same);
      case 2u << 8 | 16:
        return all(std::uint16_t{}, half_to_float);
      case 4u << 8 | 16:
        return all(std::uint16_t{}, bfloat_to_float);
      case 0u << 8 | 8:
        return all(std::int8_t{}, same);
      case 0u << 8 | 16:
        return all(std::int16_t{}, same);
      case 0u << 8 | 32:
        return all(std::int32_t{}, same);
      case 0u << 8 | 64:
        return all(std::int64_t{}, same);
      case 6u << 8 | 8:
      case 1u << 8 | 8:
        return all(std::uint8_t{}, same);
      case 1u << 8 | 16:
        return all(std::uint16_t{}, same);
      case 1u << 8 | 32:
        return all(std::uint32_t{}, same);
      case 1u << 8 | 64:
        return all(std::uint64_t{}, same);
      default:
        throw std::logic_error(std::string(name_) + " is " + dtype() + ", of which there are no plain numbers");
    }
  }

  static float bits_to_float(std::uint32_t bits) {
    float out;
    std::memcpy(&out, &bits, sizeof out);
    return out;
  }
  static float bfloat_to_float(std::uint16_t bits) { return bits_to_float(std::uint32_t{bits} << 16); }
  static float half_to_float(std::uint16_t bits) {
    const std::uint32_t sign = std::uint32_t{bits & 0x8000u} << 16, exponent = bits >> 10 & 31u,
                        mantissa = bits & 0x3FFu;
    if (exponent == 31) return bits_to_float(sign | 0x7F800000u | mantissa << 13);
    if (exponent != 0) return bits_to_float(sign | (exponent + 112) << 23 | mantissa << 13);
    const float small = std::ldexp(static_cast<float>(mantissa), -24);  // 0, or below the normal numbers
    return sign != 0 ? -small : small;
  }

  const trainer_host* host_;
  std::uint32_t of_;
  std::uint64_t index_;
  std::string_view name_;
  trainer_tensor view_;
};

/// All tensors of one kind, in the model's order; empty where the host has none.
class Tensors {
 public:
  Tensors(const trainer_host* host, std::uint32_t of)
      : host_(host),
        of_(of),
        table_(static_cast<const trainer_ext_parameters*>(host->get_extension(host, TRAINER_EXT_PARAMETERS))) {}

  std::uint64_t size() const { return table_ == nullptr ? 0 : table_->count(host_, of_); }

  /// Throws std::out_of_range past the end.
  Tensor operator[](std::uint64_t index) const {
    trainer_text name{};
    trainer_tensor view{};
    view.struct_size = sizeof view;
    if (table_ == nullptr || table_->at(host_, of_, index, &name, &view) != TRAINER_OK)
      throw std::out_of_range("there is no tensor " + std::to_string(index));
    return {host_, of_, index, sdk::view(name), view};
  }

  class Iterator {
   public:
    Iterator(const Tensors* all, std::uint64_t index) : all_(all), index_(index) {}
    Tensor operator*() const { return (*all_)[index_]; }
    Iterator& operator++() { return ++index_, *this; }
    bool operator!=(const Iterator& other) const { return index_ != other.index_; }

   private:
    const Tensors* all_;
    std::uint64_t index_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

 private:
  const trainer_host* host_;
  std::uint32_t of_;
  const trainer_ext_parameters* table_;
};

}  // namespace trainer::sdk
