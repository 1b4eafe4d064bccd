// SPDX-License-Identifier: Apache-2.0
#include "data/batch_workers.hpp"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>

#include <future>
#include <new>

#include "checkpoints/checkpoint_writer.hpp"
#include "support/memory_limit.hpp"
#include "trainer/error.hpp"

namespace {

using namespace trainer;

std::string error_of(std::int64_t threads) {
  const test::MemoryLimit limit(100 << 20);
  try {
    BatchWorkers workers(threads);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(BatchWorkers, ThreadsThatCannotBeStartedAreOneSentence) {
  EXPECT_THAT(error_of(500), testing::MatchesRegex("only [0-9]+ of 500 worker threads could be started \\(.*\\); lower "
                                                   "dataloader_num_workers, or raise .* \\[process.failed\\]"));
}

TEST(BatchWorkers, ComputeAloneAndLeaveTheOthersTheirThreads) {
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  BatchWorkers workers(1);
  int there = 0, of_a_new_thread = 0;
  workers.submit([&] { return there = at::get_num_threads(), Batch(); });
  workers.take();
  std::thread([&] { of_a_new_thread = at::get_num_threads(); }).join();
  EXPECT_EQ(there, 1);
  EXPECT_EQ(at::get_num_threads(), 2);
  EXPECT_EQ(of_a_new_thread, 2);
  at::set_num_threads(before);
}

TEST(BatchWorkers, AJobThatThrowsIsThrownWhereItIsTaken) {
  BatchWorkers workers(2);
  workers.submit([]() -> Batch { throw std::bad_alloc(); });
  workers.submit([] { return Batch(); });
  EXPECT_THROW(workers.take(), std::bad_alloc);
  workers.take();
  EXPECT_EQ(workers.pending(), 0u);
  workers.submit([] { return Batch(); });
  workers.clear();
  EXPECT_EQ(workers.pending(), 0u);
}

TEST(CheckpointWriter, WithoutAThreadItWritesAtOnce) {
  CheckpointWriter writer;
  bool written = false;
  {
    const test::MemoryLimit limit(0);
    std::promise<void> enough;
    const auto over = enough.get_future().share();
    std::vector<std::thread> others;  // take the stacks that ended threads have left
    try {
      for (;;) others.emplace_back([over] { over.wait(); });
    } catch (const std::exception&) {
    }
    writer.start([&] { written = true; });
    EXPECT_TRUE(written && writer.pending() && writer.finished());
    enough.set_value();
    for (auto& thread : others) thread.join();
  }
  writer.wait();
  EXPECT_FALSE(writer.pending());
  writer.start([] { throw std::runtime_error("full"); });
  EXPECT_THROW(writer.wait(), std::runtime_error);
}

}  // namespace
