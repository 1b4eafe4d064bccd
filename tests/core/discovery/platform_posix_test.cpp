// SPDX-License-Identifier: Apache-2.0
#include "discovery/platform.hpp"

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace trainer;

namespace {

#if defined(__linux__)
TEST(PlatformTest, AProcessThatIsTracedKnowsIt) {
  int status = 0;
  for (const bool traced : {false, true}) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (traced && ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(77);
      ::_exit(platform::is_traced() == traced ? 0 : 1);
    }
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no process may be traced here";
    EXPECT_EQ(WEXITSTATUS(status), 0) << "traced: " << traced;
  }
}
#endif

}  // namespace
