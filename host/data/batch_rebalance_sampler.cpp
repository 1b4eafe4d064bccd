// SPDX-License-Identifier: Apache-2.0
//
// transformers' BatchRebalanceSampler, as one process has it.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "data/lengths.hpp"
#include "trainer/error.hpp"
#include "trainer/sampler.hpp"

namespace trainer {
namespace {

constexpr std::uint64_t order_seed = 42;  // whatever `seed` and `data_seed` are

using Counts = std::vector<std::size_t>;  // rows of each micro-batch, of rows that are sorted by falling length

// Padded tokens, and the squares that attention takes. The order of the factors decides the last bit.
double cost(std::size_t rows, std::int64_t longest) {
  const auto n = static_cast<double>(rows), length = static_cast<double>(longest);
  return n * length + 0.001 * n * length * length;
}

std::vector<double> costs_of(const Counts& counts, const std::vector<std::int64_t>& lengths) {
  std::vector<double> costs;
  std::size_t at = 0;
  for (const auto count : counts) {
    costs.push_back(cost(count, lengths[at]));
    at += count;
  }
  return costs;
}

// Moves a row at a time from the dearest micro-batch to the cheapest one, until that has no more use.
Counts balanced(const std::vector<std::int64_t>& lengths, std::size_t groups, std::size_t step_rows) {
  Counts counts(groups, lengths.size() / groups);
  for (std::size_t i = 0; i < lengths.size() % groups; ++i) ++counts[i];
  Counts best = counts;
  double least = std::numeric_limits<double>::infinity();
  std::set<Counts> seen;
  for (std::size_t tries = std::max(groups * 30, step_rows); tries > 0 && seen.insert(counts).second; --tries) {
    const auto costs = costs_of(counts, lengths);
    const auto dearest = std::max_element(costs.begin(), costs.end());
    const auto cheapest = std::min_element(costs.begin(), costs.end());
    if (*dearest - *cheapest < least) {
      least = *dearest - *cheapest;
      best = counts;
    }
    auto& from = counts[static_cast<std::size_t>(dearest - costs.begin())];
    if (*dearest == *cheapest || from == 1) break;
    --from;
    ++counts[static_cast<std::size_t>(cheapest - costs.begin())];
  }
  return best;
}

}  // namespace

BatchRebalanceSampler::BatchRebalanceSampler(const at::Tensor& lengths, std::int64_t step_rows,
                                             std::int64_t micro_batches, bool drop_last)
    : lengths_(lengths_of_rows(lengths, "BatchRebalanceSampler")),
      step_rows_(step_rows),
      micro_batches_(micro_batches),
      drop_last_(drop_last) {
  if (micro_batches < 1 || step_rows < micro_batches)
    throw_usage(error_id::arguments_invalid, "BatchRebalanceSampler: step_rows is " + std::to_string(step_rows) +
                                                 ", expected at least one row for each of " +
                                                 std::to_string(micro_batches) + " micro-batches");
}

std::int64_t BatchRebalanceSampler::steps() const {
  const auto rows = static_cast<std::int64_t>(lengths_.size());
  return drop_last_ ? rows / step_rows_ : (rows + step_rows_ - 1) / step_rows_;
}

std::int64_t BatchRebalanceSampler::size() const { return steps() * micro_batches_; }

std::vector<at::Tensor> BatchRebalanceSampler::batches(std::int64_t epoch) const {
  const auto rows = static_cast<std::int64_t>(lengths_.size());
  const auto groups = static_cast<std::size_t>(micro_batches_);
  const at::Tensor order = at::randperm(
      rows, at::make_generator<at::CPUGeneratorImpl>(order_seed + static_cast<std::uint64_t>(epoch)), at::kLong);
  const auto* drawn = order.const_data_ptr<std::int64_t>();
  const auto length = [&](std::int64_t row) { return lengths_[static_cast<std::size_t>(row)]; };
  std::vector<at::Tensor> out;
  for (std::int64_t begin = 0; begin < steps() * step_rows_; begin += step_rows_) {
    std::vector<std::int64_t> step(drawn + begin, drawn + std::min(begin + step_rows_, rows));
    // Rows of a last step that is too small come again from the epoch's begin.
    for (std::int64_t i = 0; step.size() < groups; ++i) step.push_back(drawn[i % rows]);
    std::stable_sort(step.begin(), step.end(), [&](auto a, auto b) { return length(a) > length(b); });
    std::vector<std::int64_t> lengths;
    for (const auto row : step) lengths.push_back(length(row));
    const auto counts = balanced(lengths, groups, static_cast<std::size_t>(step_rows_));
    const auto costs = costs_of(counts, lengths);
    std::vector<std::size_t> dearest_first(groups), starts(groups);
    std::iota(dearest_first.begin(), dearest_first.end(), std::size_t{0});
    std::exclusive_scan(counts.begin(), counts.end(), starts.begin(), std::size_t{0});
    std::stable_sort(dearest_first.begin(), dearest_first.end(), [&](auto a, auto b) { return costs[a] > costs[b]; });
    const at::Tensor sorted = at::tensor(step, at::kLong);
    for (const auto group : dearest_first)
      out.push_back(
          sorted.narrow(0, static_cast<std::int64_t>(starts[group]), static_cast<std::int64_t>(counts[group])));
  }
  return out;
}

}  // namespace trainer
