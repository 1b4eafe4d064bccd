// SPDX-License-Identifier: Apache-2.0
//
// One of two processes that train by the room `ranks` alone, for sanitizers: all of the host would take minutes more to
// compile. `two_ranks`: to the end; `two_ranks fails`: rank 1 ends with an error. Run by sanitized.py.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cstdio>
#include <stdexcept>
#include <string>

#include "ranks/agreement.hpp"
#include "ranks/gradient_average.hpp"
#include "ranks/process_group.hpp"
#include "ranks/same_everywhere.hpp"
#include "trainer/error.hpp"

namespace {

using namespace trainer;
constexpr std::int64_t last_step = 12;

void expect(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(what);
}

void step(ProcessGroup& group, GradientAverage& average, std::vector<at::Tensor>& weights) {
  const at::Tensor rows = at::randn({6, weights[0].size(0)});
  average.before_forward();
  const at::Tensor loss = rows.mm(weights[0]).tanh().mm(weights[1]).square().mean();
  average.before_backward(loss);
  average.during_backward([&] { loss.backward(); });
  for (at::Tensor& weight : weights) {
    const at::Tensor gradient = weight.grad().flatten();
    const auto both = group.all_gather(gradient).chunk(2);
    expect(at::equal(both[0], both[1]), "the gradients are the same");
    weight.detach().sub_(weight.grad(), 0.1);
    weight.mutable_grad().reset();
  }
}

// Steps of a model of this width, until rank 1 sets a flag.
void train(const std::shared_ptr<ProcessGroup>& group, std::int64_t width, std::int64_t stop_at, bool fails) {
  std::vector<at::Tensor> weights{at::randn({4, width}), at::randn({width, width})};
  group->broadcast(weights);
  for (at::Tensor& weight : weights) weight.requires_grad_();
  GradientAverage average(group, weights, {.find_unused_parameters = false, .bucket_cap_mb = 1});
  for (std::int64_t number = 1;; ++number) {
    step(*group, average, weights);
    if (fails && group->rank() == 1 && number == stop_at) throw std::runtime_error("the disk is full");
    TrainerControl control{};
    FlagChanges changes;
    if (group->rank() == 1 && number == stop_at) {
      control.should_training_stop = 1;
      changes.by[0] = 3;
    }
    auto numbers =
        propose(control, changes, {}, false, pace_for_signals(1, std::chrono::microseconds(700)), group->rank(), 2);
    group->min_of(numbers);
    const Agreed agreed = read_agreement(numbers, 2);
    if (!agreed.flags[0].value) continue;
    expect(number == stop_at && agreed.flags[0].rank == 1 && agreed.pace == 14, "rank 1 decides");
    return;
  }
}

}  // namespace

int main(int argc, char**) {
  std::shared_ptr<ProcessGroup> group;
  try {
    at::set_num_threads(1);
    group = process_group({.gpu = false, .backend = {}, .timeout = std::chrono::seconds(60)});
    at::manual_seed(static_cast<std::uint64_t>(group->rank()));
    require_same(*group, {{"the number of steps", std::to_string(last_step)}});
    train(group, 8, last_step, argc > 1);
    train(group, 600, 2, false);  // more than a megabyte
    const auto texts = group->all_gather(std::string(static_cast<std::size_t>(3 * group->rank()), 'a'));
    expect(texts[0].empty() && texts[1] == "aaa" && group->broadcast(texts[1]) == "aaa", "the texts");
    group->barrier();
    std::printf("rank %d of 2 has trained\n", group->rank());
    return 0;
  } catch (const std::exception& e) {
    std::printf("error: %s\n", e.what());
    if (group) group->tell_end();
    return 1;
  }
}
