// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include "discovery/platform.hpp"
#include "loading/trial_process.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

fs::path find_command() {
  std::error_code ignored;
  const auto library = platform::library_path();
  for (const auto& directory :
       {platform::executable_path().parent_path(), library.parent_path(), library.parent_path().parent_path() / L"bin"})
    if (const auto command = directory / L"trainer.exe"; !directory.empty() && fs::exists(command, ignored))
      return command;
  return {};
}

}  // namespace

std::optional<ChildEnd> run_trial(const fs::path& file, const std::function<std::string()>&, double limit_s) {
  const auto command = find_command();
  if (command.empty()) return {};
  return run_child({.command = {command.string(), "plugins", "trial", file.string()}, .limit_s = limit_s});
}

}  // namespace trainer
