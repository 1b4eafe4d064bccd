// SPDX-License-Identifier: Apache-2.0
//
// A LibTorch program without LibTrainer: the time from the start of the process to the end of its first step,
// and its memory. What `trainer` takes is compared with it.
#include <torch/optim/adamw.h>

#include "model.hpp"
#include "process.hpp"

int main() {
  auto net = bench::make_net(64);
  const auto data = bench::make_rows(4096);
  torch::optim::AdamW optimizer(net->parameters(), torch::optim::AdamWOptions(1e-3));
  at::cross_entropy_loss(net->forward(data.features.slice(0, 0, 8)), data.labels.slice(0, 0, 8)).backward();
  optimizer.step();
  std::printf("{\"seconds\": %.3f, \"rss_kb\": %ld}\n", bench::seconds_since_launch(), bench::memory_kb("VmRSS"));
}
