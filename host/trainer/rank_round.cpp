// SPDX-License-Identifier: Apache-2.0
#include "trainer/rank_round.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "trainer/evaluation_result.hpp"

namespace trainer {
namespace {

std::int64_t width_of(const at::Tensor& tensor) { return tensor.defined() && tensor.dim() > 1 ? tensor.size(1) : 0; }

// -100 behind what is there, up to `size` along dimension `dim`.
at::Tensor padded(const at::Tensor& tensor, std::int64_t dim, std::int64_t size) {
  if (!tensor.defined() || tensor.dim() <= dim || tensor.size(dim) >= size) return tensor;
  auto sizes = tensor.sizes().vec();
  sizes[static_cast<std::size_t>(dim)] = size;
  at::Tensor out = at::full(sizes, -100, tensor.options());
  out.narrow(dim, 0, tensor.size(dim)).copy_(tensor);
  return out;
}

}  // namespace

RankRound::RankRound(ProcessGroup& group, std::int64_t rows, Trainer::Prediction& own,
                     std::optional<std::int64_t> rows_in_round)
    : group_(group) {
  const float loss = own.loss.defined() ? own.loss.to(at::kFloat).item<float>() : 0;
  const at::Tensor all = group.all_gather(
      at::tensor({rows, std::int64_t{own.loss.defined()}, std::int64_t{std::bit_cast<std::int32_t>(loss)},
                  width_of(own.logits), width_of(own.labels)},
                 at::kLong)
          .unsqueeze(0));
  std::int64_t logits = 0, labels = 0;
  for (int rank = 0; rank < group.world(); ++rank) {
    const auto* of = all.const_data_ptr<std::int64_t>() + rank * all.size(1);
    given_.push_back(of[0]);
    const auto bits = static_cast<std::int32_t>(of[2]);
    losses_.push_back(of[1] && own.loss.defined()
                          ? at::scalar_tensor(std::bit_cast<float>(bits), at::TensorOptions(own.loss.scalar_type()))
                          : at::Tensor());
    logits = std::max(logits, of[3]);
    labels = std::max(labels, of[4]);
  }
  own.logits = padded(own.logits, 1, logits);
  own.labels = padded(own.labels, 1, labels);
  std::int64_t left = rows_in_round.value_or(std::accumulate(given_.begin(), given_.end(), std::int64_t{0}));
  for (const auto of_rank : given_) left -= taken_.emplace_back(std::min(of_rank, left));
}

std::int64_t RankRound::rows() const { return std::accumulate(taken_.begin(), taken_.end(), std::int64_t{0}); }

void RankRound::add_to(EvaluationResult& result, const Trainer::Prediction& own) {
  for (std::size_t rank = 0; rank < taken_.size(); ++rank)
    if (taken_[rank] > 0) result.add(taken_[rank], losses_[rank], {}, {});
  result.add(rows(), {}, gathered(own.logits), gathered(own.labels));
}

at::Tensor RankRound::gathered(const at::Tensor& own) const {
  if (!own.defined()) return {};
  const std::int64_t most = *std::max_element(given_.begin(), given_.end());
  const at::Tensor all = group_.all_gather(padded(own, 0, most));
  std::vector<at::Tensor> parts;
  for (std::size_t rank = 0; rank < taken_.size(); ++rank)
    parts.push_back(all.narrow(0, static_cast<std::int64_t>(rank) * most, taken_[rank]));
  return at::cat(parts);
}

}  // namespace trainer
