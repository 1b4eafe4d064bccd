// SPDX-License-Identifier: Apache-2.0
//
// NCCL for tensors on a GPU: the one file that needs CUDA's and NCCL's headers, and is empty without them.
#include "ranks/engine.hpp"

#ifdef LIBTRAINER_WITH_NCCL
#include <c10/cuda/CUDAFunctions.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

namespace trainer {

#ifdef LIBTRAINER_WITH_NCCL
bool add_nccl(GroupEngine& engine, const Ranks& ranks, std::chrono::milliseconds timeout) {
  c10::cuda::set_device(static_cast<c10::DeviceIndex>(ranks.local_rank));
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  engine.group->setBackend(
      c10::DeviceType::CUDA, c10d::ProcessGroup::BackendType::NCCL,
      c10::make_intrusive<c10d::ProcessGroupNCCL>(c10::make_intrusive<c10d::PrefixStore>("nccl", engine.store),
                                                  ranks.rank, ranks.world, options));
  return true;
}
#else
bool add_nccl(GroupEngine&, const Ranks&, std::chrono::milliseconds) { return false; }
#endif

}  // namespace trainer
