// SPDX-License-Identifier: Apache-2.0
//
// What a Trainer does among several processes. Of a process alone nothing here does anything.
#include <ATen/ATen.h>

#include <bit>
#include <sstream>

#include "checkpoints/checkpoint_check.hpp"
#include "checkpoints/checkpoint_directory.hpp"
#include "data/failure.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/error.hpp"
#include "trainer/evaluation_result.hpp"
#include "trainer/rank_round.hpp"
#include "trainer/trainer_impl.hpp"

namespace trainer {

void Trainer::Impl::tell_ranks() {
  state.is_local_process_zero = group->ranks().is_local_process_zero();
  state.is_world_process_zero = group->ranks().is_world_process_zero();
}

// Whether this rank writes what belongs to the run: checkpoints, the model, locks.
bool Trainer::Impl::writes_files() const {
  return args.save_on_each_node ? group->ranks().is_local_process_zero() : group->ranks().is_world_process_zero();
}

bool Trainer::Impl::logs() const {
  return args.log_on_each_node ? group->ranks().is_local_process_zero() : group->ranks().is_world_process_zero();
}

// Rank 0's weights and buffers for all, whose models have to be alike.
void Trainer::Impl::share_weights() {
  if (group->alone()) return;
  std::string shapes;
  std::vector<at::Tensor> tensors;
  for (const auto& [name, tensor] : state_dict(model->module())) {
    shapes += name + " " + tensor_text(tensor) + "\n";
    tensors.push_back(tensor);
  }
  std::istringstream own(shapes), first(group->broadcast(shapes));
  for (std::string here, there; own || first;) {
    here = there = "nothing more";
    std::getline(own, here);
    std::getline(first, there);
    if (here != there)
      throw_usage(error_id::ranks_mismatch, rank_text(group->ranks()) + " has another model than rank 0: " + here +
                                                " in place of " + there + "; give all ranks the same run file");
  }
  group->broadcast(tensors);
}

void Trainer::Impl::prepare_ranks() {
  if (group->alone()) return;
  averaging = {};
  share_weights();
  averaging.average = std::make_unique<GradientAverage>(
      group, parameters,
      GradientAverage::Settings{
          .find_unused_parameters = args.ddp_find_unused_parameters.value_or(!model->uses_all_parameters()),
          .bucket_cap_mb = args.ddp_bucket_cap_mb.value_or(25)});
}

// As DistributedDataParallel: rank 0's buffers before a forward pass whose predecessor was averaged.
void Trainer::Impl::before_micro_batch(bool ends_window) {
  if (!averaging.average) return;
  if (std::exchange(averaging.buffers_due, ends_window) && args.ddp_broadcast_buffers.value_or(true)) {
    const auto buffers = model->module().buffers();
    group->broadcast(buffers);
  }
  averaging.under_way = ends_window;
  averaging.seen_loss = false;
  if (ends_window) averaging.average->before_forward();
}

void Trainer::Impl::backward(const at::Tensor& loss) {
  const auto pass = [&] { (scaler ? scaler->scale(loss) : loss).backward(); };
  if (!averaging.under_way) return pass();
  averaging.seen_loss = true;
  averaging.average->before_backward(loss);
  averaging.average->during_backward(pass);
}

void Trainer::Impl::after_micro_batch() {
  if (std::exchange(averaging.under_way, false) && !averaging.seen_loss)
    throw_usage(error_id::model_unsupported,
                "training_step() made the backward pass without Trainer::backward(), so the gradients of " +
                    std::to_string(group->world()) + " processes were not averaged; call backward(loss) there");
}

// In float32, as transformers gathers it.
double Trainer::Impl::mean_over_ranks(double loss) {
  if (group->alone()) return loss;
  return group->all_gather(at::full({1}, loss, at::kFloat)).mean().item<float>();
}

std::int64_t Trainer::Impl::sum_over_ranks(std::int64_t number) {
  group->sum_of({&number, 1});
  return number;
}

// A whole number where all are.
Number Trainer::Impl::sum_over_ranks(const Number& number) {
  if (group->alone()) return number;
  const double exact = number;
  const at::Tensor own = at::tensor({std::int64_t{number.is_integer()}, std::bit_cast<std::int64_t>(exact)}, at::kLong);
  const at::Tensor all = group->all_gather(own.unsqueeze(0));
  double sum = 0;
  bool whole = true;
  for (int rank = 0; rank < group->world(); ++rank) {
    whole &= all[rank][0].item<std::int64_t>() != 0;
    sum += std::bit_cast<double>(all[rank][1].item<std::int64_t>());
  }
  return whole ? Number(static_cast<std::int64_t>(sum)) : Number(sum);
}

DataShard Trainer::Impl::shard() const {
  if (group->alone()) return {};
  return {.rank = group->rank(), .world = group->world(), .take_from_rank_0 = [group = group](const at::Tensor& rows) {
            group->broadcast({&rows, 1});
          }};
}

// A batch of an evaluation, and those of the other ranks; the number of their rows.
std::int64_t Trainer::Impl::add_batch(EvaluationResult& result, std::int64_t rows, Prediction p,
                                      const DataLoader& loader) {
  const auto preprocess = [&] {
    if (p.logits.defined() && preprocess_logits_for_metrics) p.logits = preprocessed(p);
  };
  if (group->alone()) {
    preprocess();
    result.add(rows, std::move(p.loss), std::move(p.logits), std::move(p.labels));
    return rows;
  }
  RankRound round(*group, rows, p, loader.rows_in_round());
  preprocess();
  round.add_to(result, p);
  return round.rows();
}

// Rank 0 chooses the newest, and all see the same step in what was chosen.
std::filesystem::path Trainer::Impl::agreed_checkpoint(const std::filesystem::path& named) {
  const auto step_of = [](const std::filesystem::path& checkpoint) {
    const bool has_state = std::filesystem::exists(checkpoint / state_file);
    return has_state ? load_checkpoint_state(checkpoint).global_step : std::int64_t{0};
  };
  std::string chosen, step;
  if (group->rank() == 0) {
    chosen = (named.empty() ? newest_checkpoint(args.output_dir) : named).string();
    if (!group->alone() && std::filesystem::is_directory(chosen)) step = std::to_string(step_of(chosen));
  }
  if (group->alone()) return chosen;
  chosen = group->broadcast(chosen);
  step = group->broadcast(step);
  const bool there = std::filesystem::is_directory(chosen);
  const std::string found = there ? std::to_string(step_of(chosen)) : "";
  if (group->rank() == 0 || step.empty() || found == step) return chosen;
  throw_run(error_id::checkpoint_missing, rank_text(group->ranks()) +
                                              (there ? " has step " + found + " in " : " does not see ") + chosen +
                                              ", from which rank 0 resumes at step " + step +
                                              "; put output_dir on a shared file system, or set save_on_each_node");
}

}  // namespace trainer
