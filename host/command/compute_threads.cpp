// SPDX-License-Identifier: Apache-2.0
#include "command/compute_threads.hpp"

#include <ATen/Parallel.h>

#include <cstdint>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "trainer/log.hpp"

namespace trainer::command {
namespace {

// How many of so many threads can live at once.
int threads_to_be_had(int wanted) {
  std::promise<void> enough;
  const auto over = enough.get_future().share();
  std::vector<std::thread> threads;
  try {
    while (static_cast<int>(threads.size()) < wanted) threads.emplace_back([over] { over.wait(); });
  } catch (const std::exception&) {  // no more threads, or no memory for their stacks
  }
  enough.set_value();
  for (auto& thread : threads) thread.join();
  return static_cast<int>(threads.size());
}

}  // namespace

void start_compute_threads() {
  const int wanted = at::get_num_threads();
  const int others = threads_to_be_had(wanted - 1);  // one is this thread
  if (others < wanted - 1) {
    at::set_num_threads(others + 1);
    log::warning("only " + std::to_string(others + 1) + " of " + std::to_string(wanted) +
                 " threads to compute with could be started; the limit of processes or of memory is low");
  }
  at::parallel_for(0, others + 1, 1, [](std::int64_t, std::int64_t) {});
}

}  // namespace trainer::command
