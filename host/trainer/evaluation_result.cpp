// SPDX-License-Identifier: Apache-2.0
#include "trainer/evaluation_result.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace trainer {
namespace {

// numpy's pairwise summation of float32, so that the mean has numpy's last bit.
float pairwise_sum(const float* x, std::size_t n) {
  if (n < 8) {
    float sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += x[i];
    return sum;
  }
  if (n <= 128) {
    float r[8];
    for (std::size_t k = 0; k < 8; ++k) r[k] = x[k];
    std::size_t i = 8;
    for (; i + 8 <= n; i += 8)
      for (std::size_t k = 0; k < 8; ++k) r[k] += x[i + k];
    float sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; ++i) sum += x[i];
    return sum;
  }
  const std::size_t half = n / 2 - n / 2 % 8;
  return pairwise_sum(x, half) + pairwise_sum(x + half, n - half);
}

// Batches that a collator padded to other lengths get the longest, filled with -100.
std::vector<at::Tensor> of_one_width(const std::vector<at::Tensor>& parts) {
  std::int64_t width = 0;
  bool differ = false;
  for (const at::Tensor& part : parts) {
    if (part.dim() < 2) return parts;
    differ |= width != 0 && width != part.size(1);
    width = std::max(width, part.size(1));
  }
  if (!differ) return parts;
  std::vector<at::Tensor> out;
  for (const at::Tensor& part : parts) {
    auto sizes = part.sizes().vec();
    sizes[1] = width;
    out.push_back(at::full(sizes, -100, part.options()));
    out.back().narrow(1, 0, part.size(1)).copy_(part);
  }
  return out;
}

// In float32 where it is bfloat16, as numpy, which transformers goes through, has no such type.
at::Tensor joined(const std::vector<at::Tensor>& parts) {
  if (parts.empty()) return {};
  const at::Tensor all = at::cat(of_one_width(parts)).cpu();
  return all.scalar_type() == at::kBFloat16 ? all.to(at::kFloat) : all;
}

}  // namespace

void EvaluationResult::add(std::int64_t rows, at::Tensor loss, at::Tensor logits, at::Tensor labels) {
  if (loss.defined()) losses_.push_back(std::move(loss)), rows_.push_back(rows);
  if (logits.defined()) logits_.push_back(std::move(logits));
  if (labels.defined()) labels_.push_back(std::move(labels));
}

void EvaluationResult::move_to_cpu() {
  for (auto* list : {&logits_, &labels_})
    for (auto& tensor : *list) tensor = tensor.cpu();
}

at::Tensor EvaluationResult::predictions() const { return joined(logits_); }
at::Tensor EvaluationResult::label_ids() const { return joined(labels_); }

std::vector<float> EvaluationResult::losses_on_cpu() const {
  if (losses_.empty()) return {};
  const auto values = at::stack(losses_).to(at::kCPU, at::kFloat);
  return {values.const_data_ptr<float>(), values.const_data_ptr<float>() + values.numel()};
}

std::size_t EvaluationResult::losses_not_finite() const {
  const auto losses = losses_on_cpu();
  return static_cast<std::size_t>(
      std::count_if(losses.begin(), losses.end(), [](float loss) { return !std::isfinite(loss); }));
}

// Each row counts its batch's loss.
double EvaluationResult::mean_loss(bool filter) const {
  const auto losses = losses_on_cpu();
  std::vector<float> all, finite;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const float loss = losses[i];
    all.insert(all.end(), static_cast<std::size_t>(rows_[i]), loss);
    if (std::isfinite(loss)) finite.insert(finite.end(), static_cast<std::size_t>(rows_[i]), loss);
  }
  const auto& used = filter && !finite.empty() ? finite : all;
  const float mean = pairwise_sum(used.data(), used.size()) / static_cast<float>(used.size());
  // numpy has a type for float16, and gives the mean in it.
  return losses_.front().scalar_type() == at::kHalf ? static_cast<float>(c10::Half(mean)) : mean;
}

json::object EvaluationResult::metrics(const std::string& prefix, const json::object& own, bool filter,
                                       std::optional<double> preparation_seconds) const {
  json::object metrics;
  const std::string begin = prefix + "_";
  const auto has_prefix = [&](std::string_view name) { return name.substr(0, begin.size()) == begin; };
  for (const auto& entry : own)
    if (has_prefix(entry.key())) metrics.insert(entry);
  if (!losses_.empty()) metrics.insert_or_assign(begin + "loss", mean_loss(filter));
  if (preparation_seconds) metrics.insert_or_assign(begin + "model_preparation_time", *preparation_seconds);
  for (const auto& entry : own)
    if (!has_prefix(entry.key())) metrics.insert_or_assign(begin + std::string(entry.key()), entry.value());
  return metrics;
}

}  // namespace trainer
