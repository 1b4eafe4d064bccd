// SPDX-License-Identifier: Apache-2.0
#include "loading/trainer_program.hpp"

#include <cstdlib>

#include "discovery/platform.hpp"

namespace trainer {
namespace fs = std::filesystem;

fs::path find_trainer() {
  if (const char* given = std::getenv("TRAINER_PROGRAM"); given && *given) return given;
#if defined(_WIN32)
  constexpr const char* name = "trainer.exe";
#else
  constexpr const char* name = "trainer";
#endif
  std::error_code ignored;
  for (const fs::path& file : {platform::executable_path(), platform::library_path()}) {
    if (file.empty()) continue;
    const fs::path folder = file.parent_path();
    for (const fs::path& place : {folder, folder.parent_path() / "bin"})
      if (fs::is_regular_file(place / name, ignored)) return place / name;
  }
  return {};
}

}  // namespace trainer
