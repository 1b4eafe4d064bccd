// SPDX-License-Identifier: Apache-2.0
//
// plugins new: a project of one's own from sdk/templates.
#include <algorithm>

#include "command/options.hpp"
#include "command/print.hpp"
#include "discovery/library_format.hpp"
#include "discovery/platform.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"

namespace trainer::command {
namespace fs = std::filesystem;
namespace {

fs::path templates() {
  const auto prefix = platform::executable_path().parent_path().parent_path();
  const fs::path found = prefix / "share" / "libtrainer" / "templates";
  if (!fs::is_directory(found / "common"))
    throw_run(
        error_id::command_usage,
        found.string() + " is missing, expected the templates of `trainer plugins new`; " + "install LibTrainer again");
  return found;
}

void require_name(const std::string& name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const bool right =
      !name.empty() && name.size() <= 64 && letter(name[0]) &&
      std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || c == '.' || c == '_' || c == '-'; });
  if (!right)
    throw_usage(error_id::command_usage,
                "the name \"" + name +
                    "\" is not a plugin id, expected 1 to 64 of a-z, 0-9, '.', '_' and '-', a letter or "
                    "digit first; choose another name");
}

// "best_loss" becomes "BestLoss".
std::string class_name(const std::string& name) {
  std::string out = name[0] >= '0' && name[0] <= '9' ? "Plugin" : "";
  bool first = true;
  for (const char c : name) {
    const bool letter = c >= 'a' && c <= 'z';
    if (letter || (c >= '0' && c <= '9')) out += first && letter ? static_cast<char>(c - 'a' + 'A') : c;
    first = c == '.' || c == '_' || c == '-';
  }
  return out;
}

// Which has no other signs, and no digit first.
std::string crate_name(std::string name) {
  std::replace_if(name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return (name[0] >= '0' && name[0] <= '9' ? "plugin_" : "") + name;
}

using Words = std::vector<std::pair<std::string, std::string>>;

std::string filled(std::string text, const Words& words) {
  for (const auto& [mark, word] : words)
    for (auto at = text.find(mark); at != text.npos; at = text.find(mark, at + word.size()))
      text.replace(at, mark.size(), word);
  return text;
}

}  // namespace

int plugins_new(const std::string& name, const std::string& language, fs::path directory) {
  require_name(name);
  const fs::path from = templates();
  if (directory.empty()) directory = name;
  std::error_code ec;
  if (fs::exists(fs::symlink_status(directory, ec)) &&
      !(fs::is_directory(directory, ec) && fs::is_empty(directory, ec)))
    throw_usage(error_id::command_usage,
                directory.string() +
                    " exists already, expected a new or empty directory; name another one with "
                    "--directory");
  require_writable_directory(directory, "the project's directory");
  const std::string suffix(platform::plugin_suffix), crate = crate_name(name);
  const bool windows = this_format == LibraryFormat::pe;
  const Words words{{"@NAME@", name},
                    {"@CLASS@", class_name(name)},
                    {"@SUFFIX@", language},
                    {"@LANGUAGES@", language == "c" ? "C CXX" : "CXX"},
                    {"@CRATE@", crate},
                    {"@FILE@", name + suffix},
                    {"@LIBRARY@", (windows ? "" : "lib") + crate + suffix},
                    {"@PLACE@", windows ? "%LOCALAPPDATA%\\libtrainer\\plugins" : "~/.local/share/libtrainer/plugins"}};
  std::vector<fs::path> parts{from / "common", from / language};
  if (language != "rust") parts.push_back(from / "cmake");
  for (const auto& part : parts)
    for (const auto& entry : fs::directory_iterator(part)) {
      const auto file = entry.path().filename();
      const auto target = file.stem() == "plugin" ? name + file.extension().string() : file.string();
      replace_file(directory / target, filled(read_file(entry.path()), words));
    }
  print_line("made " + directory.string() + "; its README.md says how to build it");
  return 0;
}

}  // namespace trainer::command
