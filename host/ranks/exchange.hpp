// SPDX-License-Identifier: Apache-2.0
//
// Two ranks give each other a tensor. Gloo's collectives would send it in four parts, each by a thread of theirs that
// has to be woken: two to three times as long for what small models send. Only sources of this room include it.
#pragma once

#include <ATen/core/Tensor.h>

#include "ranks/engine.hpp"

namespace trainer {

class Exchange {
 public:
  /// Begins to send `own` and to receive the other rank's into `other`, of the same size, both on the CPU; neither may
  /// be touched before wait(). Of the exchanges with one `tag`, the first here belongs to the first there.
  Exchange(GroupEngine& engine, at::Tensor own, at::Tensor other, int tag);
  void wait();

 private:
  c10::intrusive_ptr<c10d::Work> received_, sent_;
};

}  // namespace trainer
