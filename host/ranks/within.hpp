// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <future>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

namespace trainer {

/// What `f` gives in a thread of its own, or nothing when it has not ended by then: the store's client waits for ever
/// for a machine that takes its connection and says nothing. The thread is then left behind, so `f` owns what it uses.
template <typename F>
std::optional<std::invoke_result_t<F>> within(std::chrono::steady_clock::time_point deadline, F f) {
  std::packaged_task<std::invoke_result_t<F>()> task(std::move(f));
  auto result = task.get_future();
  std::thread(std::move(task)).detach();
  if (result.wait_until(deadline) != std::future_status::ready) return std::nullopt;
  return result.get();
}

}  // namespace trainer
