// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "trainer/callback_handler.hpp"
#include "trainer/host_context.hpp"

namespace trainer {

struct ParamGroup;

/// The groups of the optimizer that a handler's callbacks may reach, for plugins (ext/optimizer.h). What they set is
/// noted with the handler, which must outlive this.
class OptimizerGroups final : public ParamGroupSource {
 public:
  explicit OptimizerGroups(CallbackHandler& handler) : handler_(handler) {}

  std::uint64_t count() override;
  bool at(std::uint64_t index, trainer_param_group& group) override;
  bool parameter(std::uint64_t group, std::uint64_t index, trainer_text& name) override;
  bool set_lr(std::uint64_t group, double lr) override;

  /// The rate that a callback of another process, its `entry` of that rank, has set.
  void take_lr(std::size_t group, double lr, int rank, std::size_t entry);

 private:
  ParamGroup* group(std::uint64_t index) const;  ///< null past the end

  CallbackHandler& handler_;
};

}  // namespace trainer
