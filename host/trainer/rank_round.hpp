// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ranks/process_group.hpp"
#include "trainer/trainer.hpp"

namespace trainer {

class EvaluationResult;

/// The batches of an evaluation that several ranks have made side by side, one each.
class RankRound {
 public:
  /// `rows`: of this rank's batch. Logits and labels of `own` get the width of the widest rank's, filled with -100.
  /// `rows_in_round`: as DataLoader says it.
  RankRound(ProcessGroup& group, std::int64_t rows, Trainer::Prediction& own,
            std::optional<std::int64_t> rows_in_round);

  /// All ranks' losses, logits and labels, in the order of the ranks; without the rows that only completed the round.
  void add_to(EvaluationResult& result, const Trainer::Prediction& own);
  std::int64_t rows() const;  ///< that are added

 private:
  at::Tensor gathered(const at::Tensor& own) const;

  ProcessGroup& group_;
  std::vector<std::int64_t> given_, taken_;  // rows of each rank
  std::vector<at::Tensor> losses_;           // of each rank, or undefined
};

}  // namespace trainer
