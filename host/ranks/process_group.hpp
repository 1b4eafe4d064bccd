// SPDX-License-Identifier: Apache-2.0
//
// What the processes of a launch say to each other, through LibTorch's c10d.
#pragma once

#include <ATen/core/Tensor.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ranks/ranks.hpp"

namespace trainer {

struct GroupEngine;  // ranks/engine.hpp

struct GroupSettings {
  bool gpu = false;                    ///< gradients are on one
  std::string backend;                 ///< of those: "nccl" or "gloo"; empty: NCCL where it was compiled in
  std::chrono::seconds timeout{1800};  ///< of each call
};

/// Every rank makes the same calls in the same order, and each waits for the others. Of a process alone there is no
/// group: its calls give back what they were given, at no cost. Errors: ranks.unreachable from the constructor,
/// ranks.lost and ranks.timeout from calls.
class ProcessGroup {
 public:
  /// Waits until all ranks are there.
  ProcessGroup(Ranks ranks, GroupSettings settings);
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;

  const Ranks& ranks() const { return ranks_; }
  const GroupSettings& settings() const { return settings_; }
  int rank() const { return ranks_.rank; }
  int world() const { return ranks_.world; }
  bool alone() const { return ranks_.alone(); }

  /// Rank 0's values into the tensors of all, which have the same shapes everywhere; on the CPU or a GPU.
  void broadcast(std::span<const at::Tensor> tensors);
  /// Rank 0's text.
  std::string broadcast(const std::string& text);
  /// The tensors of rank 0, 1 ... one after another along the first dimension, on the CPU; all have one shape [N, ...].
  at::Tensor all_gather(const at::Tensor& tensor);
  /// The texts of rank 0, 1 ..., of any lengths.
  std::vector<std::string> all_gather(const std::string& text);
  /// Each number becomes the least that any rank has at this place, or the sum of all.
  /// @{
  void min_of(std::span<std::int64_t> numbers);
  void sum_of(std::span<std::int64_t> numbers);
  /// @}
  void barrier();

  /// The launcher may keep what is told for its next attempt, when it starts all ranks again, as torchrun does.
  void remember(const std::string& name, const std::string& text);
  std::optional<std::string> recall(const std::string& name);

  /// This process ends with an error of its own, as the others can say then.
  void tell_end() noexcept;

  GroupEngine* engine() const { return engine_.get(); }

 private:
  bool remembers() const { return !alone() && ranks_.agent_store; }

  Ranks ranks_;
  GroupSettings settings_;
  std::unique_ptr<GroupEngine> engine_;  // null for a process alone
};

/// This process's place in its launch: ranks_from_environment(), or alone after stay_alone(), which a command calls
/// that works by itself however it was started. Both come before the group.
/// @{
Ranks process_ranks();
void stay_alone();
/// @}

/// The group of this process, made when it is first asked for, with the settings of then; it stays until the process
/// ends.
std::shared_ptr<ProcessGroup> process_group(const GroupSettings& settings);

}  // namespace trainer
