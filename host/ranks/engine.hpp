// SPDX-License-Identifier: Apache-2.0
//
// LibTorch's side of a ProcessGroup; only sources of this room include it.
#pragma once

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>

#include "ranks/ranks.hpp"
#include "ranks/roll_call.hpp"

namespace trainer {

struct GroupEngine {
  c10::intrusive_ptr<c10d::Store> store;      // of this attempt of the launch
  c10::intrusive_ptr<c10d::Store> of_launch;  // of all its attempts, where it is the agent's
  RollCall roll_call;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;  // tensors on the CPU
  c10::intrusive_ptr<c10d::ProcessGroup> group;     // of Gloo, and of NCCL for a GPU's
};

/// Adds NCCL for this rank's GPU; false where this was compiled without its headers (nccl_backend.cpp).
bool add_nccl(GroupEngine& engine, const Ranks& ranks, std::chrono::milliseconds timeout);

}  // namespace trainer
