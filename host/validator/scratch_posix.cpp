// SPDX-License-Identifier: Apache-2.0
#include "validator/scratch.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "trainer/error.hpp"

namespace trainer::validator {

std::filesystem::path make_scratch_directory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "trainer_validate.XXXXXX").string();
  if (!::mkdtemp(pattern.data()))
    throw_run(error_id::directory_unusable,
              pattern + " could not be made: " + std::strerror(errno) + "; set TMPDIR to a writable directory");
  return pattern;
}

std::vector<std::string> worker_environment(const std::string& scratch) {
  std::vector<std::string> out{"HOME=" + scratch, "TMPDIR=" + scratch, "LC_ALL=C.UTF-8",
                               "http_proxy=http://127.0.0.1:9", "https_proxy=http://127.0.0.1:9"};
  for (const char* name : {"PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"})
    if (const char* value = std::getenv(name)) out.push_back(std::string(name) + "=" + value);
  return out;
}

}  // namespace trainer::validator
