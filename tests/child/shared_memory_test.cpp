// SPDX-License-Identifier: Apache-2.0
#include "child/shared_memory.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <system_error>

namespace trainer::child {
namespace {

TEST(SharedMemory, IsSeenByItsNameOnce) {
  SharedMemory made(5000);
  std::strcpy(made.data(), "from one");
  SharedMemory seen(made.name(), 5000, true);
  EXPECT_STREQ(seen.data(), "from one");
  std::strcpy(seen.data(), "from the other");
  EXPECT_STREQ(made.data(), "from the other");
#if !defined(_WIN32)  // where a name lasts as long as what has it
  EXPECT_THROW(SharedMemory(made.name(), 5000, false), std::system_error);
#endif
}

TEST(SharedMemory, IsNeverSmallerThanAskedFor) {
  SharedMemory made(5000);
  EXPECT_THROW(SharedMemory(made.name(), std::size_t{1} << 20, false), std::system_error);
}

}  // namespace
}  // namespace trainer::child
