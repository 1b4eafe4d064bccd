// SPDX-License-Identifier: Apache-2.0
//
// transformers' BatchRebalanceSampler.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
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

// Groups by falling cost; those of the same go by their number.
std::vector<std::size_t> by_cost(const std::vector<double>& costs) {
  std::vector<std::size_t> order(costs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return costs[a] > costs[b]; });
  return order;
}

// How the rows of a step, sorted by falling length, are cut into groups, `world` of which are made at the same time.
class Balance {
 public:
  Balance(const std::vector<std::int64_t>& lengths, std::size_t groups, std::size_t world)
      : lengths_(lengths), world_(world), counts_(groups, lengths.size() / groups), fixed_(groups, false) {
    for (std::size_t i = 0; i < lengths.size() % groups; ++i) ++counts_[i];
  }

  // Moves a row at a time from the dearest micro-batch to the cheapest one, until that has no more use.
  Counts best(std::size_t step_rows) {
    Counts best = counts_;
    double least = std::numeric_limits<double>::infinity();
    std::set<Counts> seen;
    for (std::size_t tries = std::max(counts_.size() * 30, step_rows); tries > 0 && seen.insert(counts_).second;
         --tries) {
      const auto costs = costs_of(counts_, lengths_);
      const auto free = not_fixed();
      if (free.size() < 2) break;
      const auto less = [&](auto a, auto b) { return costs[a] < costs[b]; };
      const auto dearest = *std::max_element(free.begin(), free.end(), less);
      const auto cheapest = *std::min_element(free.begin(), free.end(), less);
      if (costs[dearest] - costs[cheapest] < least) {
        least = costs[dearest] - costs[cheapest];
        best = counts_;
      }
      if (costs[dearest] == costs[cheapest]) break;
      if (counts_[dearest] == 1) {
        relieve(costs, dearest);
      } else {
        --counts_[dearest];
        ++counts_[cheapest];
      }
    }
    return best;
  }

 private:
  std::vector<std::size_t> not_fixed() const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < counts_.size(); ++i)
      if (!fixed_[i]) out.push_back(i);
    return out;
  }

  // A group of one row can give none away: those that are made beside it take rows up to its cost, and all stay so.
  void relieve(const std::vector<double>& costs, std::size_t dearest) {
    const auto order = by_cost(costs);
    const auto place = static_cast<std::size_t>(std::find(order.begin(), order.end(), dearest) - order.begin());
    const auto begin = order.begin() + static_cast<std::ptrdiff_t>(place / world_ * world_);
    std::vector<std::size_t> beside(begin, begin + static_cast<std::ptrdiff_t>(world_));
    std::sort(beside.begin(), beside.end());
    for (const auto group : beside)
      while (!fixed_[group] && group != dearest) {
        const auto longest = lengths_[std::accumulate(counts_.begin(), counts_.begin() + diff(group), std::size_t{0})];
        const auto donor = cheapest_donor(beside);
        if (cost(counts_[group] + 1, longest) > costs[dearest] || !donor) break;
        ++counts_[group];
        --counts_[*donor];
      }
    for (const auto group : beside) fixed_[group] = true;
  }

  std::optional<std::size_t> cheapest_donor(const std::vector<std::size_t>& beside) const {
    const auto costs = costs_of(counts_, lengths_);
    std::optional<std::size_t> out;
    for (const auto group : not_fixed())
      if (counts_[group] > 1 && !std::binary_search(beside.begin(), beside.end(), group) &&
          (!out || costs[group] < costs[*out]))
        out = group;
    return out;
  }

  static std::ptrdiff_t diff(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }

  const std::vector<std::int64_t>& lengths_;
  std::size_t world_;
  Counts counts_;
  std::vector<bool> fixed_;
};

}  // namespace

BatchRebalanceSampler::BatchRebalanceSampler(const at::Tensor& lengths, std::int64_t step_rows,
                                             std::int64_t micro_batches, bool drop_last, std::int64_t world)
    : lengths_(lengths_of_rows(lengths, "BatchRebalanceSampler")),
      step_rows_(step_rows),
      micro_batches_(micro_batches * world),
      world_(world),
      drop_last_(drop_last) {
  if (micro_batches_ < 1 || step_rows < micro_batches_)
    throw_usage(error_id::arguments_invalid, "BatchRebalanceSampler: step_rows is " + std::to_string(step_rows) +
                                                 ", expected at least one row for each of " +
                                                 std::to_string(micro_batches_) + " micro-batches");
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
    const auto counts =
        Balance(lengths, groups, static_cast<std::size_t>(world_)).best(static_cast<std::size_t>(step_rows_));
    std::vector<std::size_t> starts(groups);
    std::exclusive_scan(counts.begin(), counts.end(), starts.begin(), std::size_t{0});
    const at::Tensor sorted = at::tensor(step, at::kLong);
    for (const auto group : by_cost(costs_of(counts, lengths)))
      out.push_back(
          sorted.narrow(0, static_cast<std::int64_t>(starts[group]), static_cast<std::int64_t>(counts[group])));
  }
  return out;
}

}  // namespace trainer
