// SPDX-License-Identifier: Apache-2.0
#include "ranks/gradient_average.hpp"

#include <c10/util/Exception.h>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>

#include "ranks/engine.hpp"
#include "ranks/engine_failure.hpp"
#include "ranks/exchange.hpp"

namespace trainer {
namespace {

using Names = std::unordered_map<std::size_t, std::string>;
using Buckets = std::vector<std::vector<std::size_t>>;
using Group = c10::intrusive_ptr<c10d::ProcessGroup>;
using Future = c10::intrusive_ptr<c10::ivalue::Future>;

struct Pieces {
  std::vector<at::Tensor> parameters;
  Buckets buckets;
  std::vector<std::size_t> limits;  // of the buckets, in bytes
  Group group;
  std::vector<bool> sparse;
  std::int64_t cap;
  bool find_unused;
  bool as_views = true;  // of buckets: gradients are copied there, and not back
};

// LibTorch's versions differ in what the constructor takes: before 2.13 the limits of the buckets, and from one to the
// next more at the end. What is added there keeps Python's default: zero, false, empty.
template <typename R, typename... End>
std::unique_ptr<R> made_with(const Pieces& p, End... end) {
  if constexpr (std::is_constructible_v<R, std::vector<at::Tensor>, Buckets, Group, std::vector<bool>, std::int64_t,
                                        bool, bool, Names, std::int64_t, End...>)
    return std::make_unique<R>(p.parameters, p.buckets, p.group, p.sparse, p.cap, p.find_unused, p.as_views, Names{},
                               p.cap, end...);
  else if constexpr (std::is_constructible_v<R, std::vector<at::Tensor>, Buckets, std::vector<std::size_t>, Group,
                                             std::vector<bool>, std::int64_t, bool, bool, Names, std::int64_t, End...>)
    return std::make_unique<R>(p.parameters, p.buckets, p.limits, p.group, p.sparse, p.cap, p.find_unused, p.as_views,
                               Names{}, p.cap, end...);
  else if constexpr (sizeof...(End) == 0)
    return made_with<R>(p, false);
  else if constexpr (sizeof...(End) == 1)
    return made_with<R>(p, false, false);
  else if constexpr (sizeof...(End) == 2)
    return made_with<R>(p, false, false, std::vector<std::int64_t>{});
  else
    static_assert(sizeof...(End) == 0, "c10d::Reducer of this LibTorch takes arguments that are not known here");
}

// Python's DDP prints it, too, on each rank: "find_unused_parameters=True was specified ... but did not find any".
class NoWarning final : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override {
    if (warning.msg().find("find_unused_parameters") == std::string::npos) WarningHandler::process(warning);
  }
};

// The mean of what two ranks have in their only bucket, which is full when the backward pass has ended. Its bits are
// those of Gloo's: there is one sum, of two numbers.
class MeanOfTwo final : public c10d::CppCommHookInterface<GroupEngine*> {
 public:
  static bool is_for(const ProcessGroup& group, const Pieces& p) {
    constexpr std::size_t small = std::size_t{1} << 20;  // Gloo's parts overlap, from some megabytes on in less time
    std::size_t bytes = 0;
    for (const at::Tensor& parameter : p.parameters) bytes += parameter.is_cpu() ? parameter.nbytes() : small + 1;
    return group.world() == 2 && p.buckets.size() == 1 && bytes <= small;
  }
  explicit MeanOfTwo(GroupEngine* engine) : CppCommHookInterface(engine) {}

  Future runHook(c10d::GradBucket& bucket) override {
    const at::Tensor own = bucket.getBuffer().mul_(0.5);
    if (!other_.defined()) other_ = at::empty_like(own);
    Exchange(*state_, own, other_, 1).wait();
    auto mean = c10::make_intrusive<c10::ivalue::Future>(c10::TensorType::get());
    mean->markCompleted(own.add_(other_));
    return mean;
  }

 private:
  at::Tensor other_;  // kept from step to step
};

}  // namespace

struct GradientAverage::Parts {
  std::unique_ptr<c10d::Reducer> reducer;
  NoWarning no_warning;
  bool first = true;
};

GradientAverage::GradientAverage(std::shared_ptr<ProcessGroup> group, const std::vector<at::Tensor>& parameters,
                                 const Settings& settings)
    : group_(std::move(group)), parts_(std::make_unique<Parts>()) {
  if (group_->alone()) return;
  Pieces p;
  for (const at::Tensor& parameter : parameters)
    if (parameter.requires_grad()) p.parameters.push_back(parameter);
  if (p.parameters.empty()) return;
  p.group = group_->engine()->group;
  p.sparse.assign(p.parameters.size(), false);
  // As accelerate hands on only what is not its default, 25 is no number to DistributedDataParallel, which then begins
  // with a bucket of 1.
  std::vector<std::size_t> limits{static_cast<std::size_t>(settings.bucket_cap_mb) << 20};
  if (settings.bucket_cap_mb == GradientAverage::Settings().bucket_cap_mb)
    limits.insert(limits.begin(), std::size_t{1} << 20);
  p.cap = static_cast<std::int64_t>(limits.back());
  p.find_unused = settings.find_unused_parameters;
  try {
    // In registration order and never rebuilt, as Python has them with find_unused_parameters: with three ranks and
    // more the sum's bits depend on a gradient's place in its bucket.
    std::tie(p.buckets, p.limits) = c10d::compute_bucket_assignment_by_size(p.parameters, limits, p.sparse);
    std::reverse(p.buckets.begin(), p.buckets.end());
    std::reverse(p.limits.begin(), p.limits.end());
    parts_->reducer = made_with<c10d::Reducer>(p);
    if (MeanOfTwo::is_for(*group_, p))
      parts_->reducer->register_comm_hook(std::make_unique<MeanOfTwo>(group_->engine()));
  } catch (...) {
    rethrow();
  }
}

GradientAverage::~GradientAverage() = default;

void GradientAverage::before_forward() {
  if (parts_->reducer) parts_->reducer->prepare_for_forward();
}

void GradientAverage::before_backward(const at::Tensor& loss) {
  if (!parts_->reducer) return;
  std::optional<c10::WarningUtils::WarningHandlerGuard> guard;
  if (std::exchange(parts_->first, false)) guard.emplace(&parts_->no_warning);
  parts_->reducer->prepare_for_backward({loss});
}

void GradientAverage::rethrow() const {
  if (!is_engine_failure()) throw;
  rethrow_call_failure(group_->engine()->roll_call, group_->ranks(), group_->settings().timeout,
                       "the mean of gradients");
}

}  // namespace trainer
