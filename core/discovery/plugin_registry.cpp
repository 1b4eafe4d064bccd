// SPDX-License-Identifier: Apache-2.0
#include "trainer/plugin_registry.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/text.hpp"
#include "discovery/input_file.hpp"
#include "discovery/library_file.hpp"
#include "discovery/platform.hpp"
#include "discovery/plugin_claim.hpp"
#include "discovery/plugin_file.hpp"
#include "discovery/version_range.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

// Windows' names of files have no case.
bool has_suffix(const std::string& name) {
  const auto suffix = platform::plugin_suffix;
  return name.size() > suffix.size() && (this_format == LibraryFormat::pe ? lower(name) : name).ends_with(suffix);
}

std::vector<fs::path> split_path_list(std::string_view list) {
  std::vector<fs::path> parts;
  while (!list.empty()) {
    const auto end = std::min(list.find(platform::path_list_separator), list.size());
    if (end > 0) parts.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return parts;
}

// A link as libraries have them that plugins bring along: libx.so to libx.so.1.
bool is_link_to_no_plugin(const fs::path& path) try {
  return fs::is_symlink(path) && !read_library_file(InputFile(path, InputFile::Links::followed)).note;
} catch (const std::exception&) {
  return false;
}

// What is wrong with some files, each of which the sentence names.
std::string sentences(const std::vector<PluginRegistry::Problem>& problems) {
  std::vector<std::string> out;
  for (const auto& problem : problems) out.push_back(problem.sentence);
  return join(out, "; ");
}

}  // namespace

std::vector<fs::path> plugin_directories(const std::vector<fs::path>& from_command_line) {
  std::vector<fs::path> found;
  const auto add = [&](const fs::path& directory) {
    const auto path = fs::absolute(directory).lexically_normal();
    if (std::find(found.begin(), found.end(), path) == found.end()) found.push_back(path);
  };
  for (const auto& directory : from_command_line) {
    std::error_code error;
    if (!fs::is_directory(directory, error))
      throw_usage(error_id::directory_unusable, "--plugin-dir " + directory.string() + " is not a directory" +
                                                    (error ? " (" + error.message() + ")" : "") +
                                                    "; give the directory that the plugin's file is in");
    add(directory);
  }
  if (const char* list = std::getenv("TRAINER_PLUGIN_PATH"))
    for (const auto& directory : split_path_list(list)) add(directory);
  const fs::path ours = "libtrainer/plugins";
  if (const auto data = platform::user_data_directory(); !data.empty()) add(data / ours);
  if (const auto library = platform::library_path(); !library.empty()) add(library.parent_path() / ours);
  if (const auto program = platform::executable_path(); !program.empty()) {
    const auto prefix = program.parent_path().parent_path();
    add(program.parent_path() / TRAINER_BIN_TO_LIB / ours);
    // Only CMake's cache tells build/bin/trainer from ~/bin/trainer, where ~/plugins is not ours.
    std::error_code ignored;
    if (fs::exists(prefix / "CMakeCache.txt", ignored)) add(prefix / "plugins");
  }
  return found;
}

PluginRegistry::PluginRegistry(const std::vector<fs::path>& directories) {
  for (const auto& directory : directories) {
    std::error_code error;
    const auto real = fs::canonical(directory, error);
    if (error || !fs::is_directory(real, error)) {
      directories_.push_back(directory);  // kept for places()
      continue;
    }
    // The same directory by another name would make every plugin its own duplicate.
    if (std::find(directories_.begin(), directories_.end(), real) != directories_.end()) continue;
    directories_.push_back(real);
    scan(real);
  }
}

void PluginRegistry::scan(const fs::path& directory) {
  // By name alone: a directory may hold thousands of files that are none of our business.
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
    if (auto name = entry->path().filename().string(); has_suffix(name)) names.push_back(std::move(name));
  if (error) {
    problems_.push_back(
        {directory,
         directory.string() + " could not be read: " + error.message() + "; make it readable or leave it out",
         error_id::directory_unusable});
    log::warning(with_id(problems_.back().sentence, problems_.back().id));
  }
  std::sort(names.begin(), names.end());
  for (const auto& name : names) add(directory / name);
}

void PluginRegistry::add(const fs::path& path) {
  try {
    auto file = read_plugin_file(path);
    if (const auto* first = find(file.note.id)) {
      log::info(file.path.string() + " is left out: " + first->path.string() + " has the same id \"" + file.note.id +
                "\" and was found first");
      duplicates_.push_back({std::move(file), first->path});
      return;
    }
    plugins_.push_back(std::move(file));
  } catch (const NotAPlugin& e) {
    problems_.push_back({path, e.sentence(), e.id()});
    log::debug(e.what());
  } catch (const Error& e) {
    problems_.push_back({path, e.sentence(), e.id()});
    if (is_link_to_no_plugin(path)) return log::debug(e.what());
    log::warning(with_id(e.sentence() + " (the plugin is left out)", e.id()));
  }
}

const PluginFile* PluginRegistry::find(std::string_view id) const {
  const auto found =
      std::find_if(plugins_.begin(), plugins_.end(), [&](const PluginFile& file) { return file.note.id == id; });
  return found == plugins_.end() ? nullptr : &*found;
}

std::vector<const PluginFile*> PluginRegistry::files_of(const PluginFile& first) const {
  std::vector<const PluginFile*> files{&first};
  for (const auto& duplicate : duplicates_)
    if (duplicate.file.note.id == first.note.id) files.push_back(&duplicate.file);
  return files;
}

std::vector<PluginRegistry::Problem> PluginRegistry::problems_of(std::string_view name) const {
  std::vector<Problem> found;
  for (const auto& problem : problems_) {
    const auto stem = problem.path.stem().string();
    const auto claim = plugin_claim(problem.path);
    if (stem == name || stem == "lib" + std::string(name) || claim.id == name || claim.report_to == name)
      found.push_back(problem);
  }
  return found;
}

void PluginRegistry::require_no_problem(const std::string& name, const std::string& asked) const {
  const auto problems = problems_of(name);
  if (!problems.empty()) throw_usage(problems.front().id, asked + " cannot be used: " + sentences(problems));
}

const PluginFile& PluginRegistry::first_taken(const std::vector<const PluginFile*>& files, const PluginName& wanted,
                                              const std::string& asked) const {
  const auto taken =
      std::find_if(files.begin(), files.end(), [&](auto* file) { return wanted.versions.takes(file->note.version); });
  std::vector<std::string> others;
  for (auto file = files.begin(); file != taken; ++file)
    others.push_back((*file)->path.string() + " has " + (*file)->note.version);
  if (taken != files.end()) {
    if (!others.empty())
      log::info(asked + " is " + (*taken)->path.string() + ", version " + (*taken)->note.version +
                "; passed over: " + join(others));
    return **taken;
  }
  const auto problems = problems_of(wanted.name);
  throw_usage(error_id::plugin_version, asked + ", of which no such version was found: " + join(others) +
                                            (problems.empty() ? "" : "; no use is " + sentences(problems)) +
                                            "; install one that fits, or change what follows the @ (searched " +
                                            places() + ")");
}

const PluginFile& PluginRegistry::require(std::string_view name, std::string_view where) const {
  const auto asked = std::string(where) + ": plugin \"" + std::string(name) + "\"";
  const auto wanted = PluginName::parse(name, asked);
  if (const auto* first = find(wanted.name)) return first_taken(files_of(*first), wanted, asked);
  require_no_problem(wanted.name, asked);
  std::vector<std::string> ids;
  for (const auto& file : plugins_) ids.push_back(file.note.id);
  const auto near = nearest(wanted.name, ids);
  throw_usage(error_id::plugin_not_found, asked + " was not found" +
                                              (near.empty() ? "" : "; did you mean \"" + near + "\"?") +
                                              " (available: " + (ids.empty() ? "none" : join(ids)) + "; searched " +
                                              places() + "); put its " + std::string(platform::plugin_suffix) +
                                              " file into one of these, or name its directory with --plugin-dir");
}

const PluginFile* PluginRegistry::require_tracker(std::string_view name, std::string_view where) const {
  const auto wanted = PluginName::parse(name, where);
  std::vector<const PluginFile*> files;
  for (const PluginFile* first : trackers())
    if (first->note.report_to == wanted.name)
      for (const PluginFile* file : files_of(*first)) files.push_back(file);
  if (!files.empty()) return &first_taken(files, wanted, std::string(where));
  require_no_problem(wanted.name, std::string(where) + ", which");
  return nullptr;
}

void PluginRegistry::require_known(const std::vector<std::string>& names, const std::string& option) const {
  std::vector<std::string> known;
  for (const auto& file : plugins_) {
    known.push_back(file.note.id);
    if (!file.note.report_to.empty()) known.push_back(file.note.report_to);
  }
  for (const auto& problem : problems_) known.push_back(problem.path.stem().string());
  for (const auto& name : names) {
    const std::string plugin = name.substr(0, name.find(':'));  // of "python:mlflow"
    if (contains(known, plugin)) continue;
    const std::string near = nearest(name, known);
    throw_usage(error_id::plugin_not_found,
                option + " names \"" + name + "\", which is neither a plugin nor a tracker here" +
                    (near.empty() ? "" : "; did you mean \"" + near + "\"?") + " (searched " + places() + ")");
  }
}

void PluginRegistry::leave_out(std::vector<std::string> names) {
  require_known(names, "without");
  left_out_ = std::move(names);
}

void PluginRegistry::isolate(std::vector<std::string> names) {
  require_known(names, "isolate");
  isolated_ = std::move(names);
}

bool PluginRegistry::leaves_out(std::string_view name) const { return contains(left_out_, name); }

bool PluginRegistry::isolates(std::string_view name) const { return contains(isolated_, name); }

std::vector<const PluginFile*> PluginRegistry::trackers() const {
  std::vector<const PluginFile*> found;
  for (const auto& file : plugins_)
    if (!file.note.report_to.empty() && !leaves_out(file.note.report_to) && !leaves_out(file.note.id))
      found.push_back(&file);
  return found;
}

std::string PluginRegistry::places() const {
  std::string text;
  for (const auto& directory : directories_) {
    std::error_code ignored;
    text += (text.empty() ? "" : ", ") + directory.string() +
            (fs::is_directory(directory, ignored) ? "" : " (does not exist)");
  }
  return text.empty() ? "no directory" : text;
}

}  // namespace trainer
