// SPDX-License-Identifier: Apache-2.0
#include "loading/plugin_parts.hpp"

#include <algorithm>

#include "base/sha256.hpp"
#include "discovery/plugin_file.hpp"
#include "loading/shared_library.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace fs = std::filesystem;

// A file whose needs are looked for, and those that needed it.
struct PluginParts::Needing {
  const LibraryFile& file;
  fs::path directory;
  const Needing* by = nullptr;
};

namespace {

struct Brought {
  void* library;
  fs::path path;
  std::string soname, sha256;
};

// The libraries that plugins brought along so far, by name. Never destroyed, as they are never unloaded.
std::map<std::string, Brought>& brought() {
  static auto& names = *new std::map<std::string, Brought>;
  return names;
}

// The loader knows a copy by its descriptor's number, which must not be used again.
void keep(const std::shared_ptr<PrivateCopy>& copy) {
  static auto& copies = *new std::vector<std::shared_ptr<PrivateCopy>>;
  copies.push_back(copy);
}

// What was loaded from copies has its file's name in the end, which is what a debugger looks for.
class FileNames {
 public:
  ~FileNames() {
    for (const auto& [library, file] : files_) shared_library::rename(library, file.string());
  }
  void add(void* library, const fs::path& file) { files_.emplace_back(library, file); }

 private:
  std::vector<std::pair<void*, fs::path>> files_;
};

void replace_all(std::string& text, std::string_view what, const std::string& by) {
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

std::string with_origin(std::string text, const fs::path& directory) {
  for (const std::string_view word : {"${ORIGIN}", "$ORIGIN"}) replace_all(text, word, directory.string());
  return text;
}

// $LIB is one of these, by the distribution.
std::vector<fs::path> places(const std::string& entry, const fs::path& directory) {
  const std::string place = with_origin(entry, directory);
  if (place.find("$LIB") == place.npos && place.find("${LIB}") == place.npos) return {place};
  std::vector<fs::path> found;
  for (const char* lib : {"lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "lib64", "lib"}) {
    std::string one = place;
    for (const std::string_view word : {"${LIB}", "$LIB"}) replace_all(one, word, lib);
    found.emplace_back(one);
  }
  return found;
}

bool of_the_system(const fs::path& directory) {
  static constexpr std::string_view roots[] = {"/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/"};
  std::error_code ignored;
  const auto real = fs::canonical(directory, ignored).string() + "/";
  return std::any_of(std::begin(roots), std::end(roots), [&](auto root) { return real.rfind(root, 0) == 0; });
}

}  // namespace

PluginParts::PluginParts(const fs::path& file)
    : file_(file),
      copy_(std::make_shared<PrivateCopy>(file)),
      library_(read_library_file(copy_->path(), file.string())) {
  collect({library_, file_.parent_path()});
}

// As the loader looks: in the run path of who needs it, and with DT_RPATH in that of those before, too.
fs::path PluginParts::find(const std::string& name, const Needing& by) {
  std::error_code ignored;
  if (name.find('/') != name.npos) return fs::exists(name, ignored) ? fs::absolute(name) : fs::path();
  const bool inherits = by.file.run_path.empty() || by.file.run_path_for_all;
  for (const auto* at = &by; at; at = inherits ? at->by : nullptr) {
    if (at != &by && !at->file.run_path_for_all) continue;
    for (const auto& entry : at->file.run_path)
      for (const auto& place : places(entry, at->directory))
        if (fs::exists(place / name, ignored)) return of_the_system(place) ? fs::path() : fs::absolute(place / name);
  }
  return {};
}

void PluginParts::collect(const Needing& by) {
  for (const auto& needed : by.file.needed) {
    if (!seen_.insert(shared_library::known_as(needed)).second) continue;
    const auto path = find(with_origin(needed, by.directory), by);
    if (path.empty())
      others_.push_back(needed);
    else
      add(needed, path.lexically_normal(), by);
  }
}

void PluginParts::add(const std::string& needed, const fs::path& path, const Needing& by) {
  // What the loader makes of it for a copy.
  const auto name = shared_library::known_as(with_origin(needed, copy_->path().parent_path()));
  const auto before = brought().find(name);
  const bool loaded = before != brought().end();
  if (!loaded && shared_library::is_loaded(name)) return;
  auto copy = std::make_shared<PrivateCopy>(path, PrivateCopy::Of::library);
  const LibraryFile file = read_library_file(copy->path(), path.string());
  check_library_file(path, file, copy->distrust());
  collect({file, path.parent_path(), &by});
  Library library{needed, name, path, copy, file.soname, copy->sha256()};
  if (loaded) {
    if (before->second.sha256 != library.sha256)
      log::warning(file_.string() + " needs " + needed +
                   ", and a plugin before brought another of that name, which it gets; give one of them another name "
                   "(-Wl,-soname)");
    library.copy = nullptr;
    library.sha256 = before->second.sha256;
  }
  libraries_.push_back(std::move(library));
}

std::map<std::string, std::string> PluginParts::libraries() const {
  std::map<std::string, std::string> found;
  for (const auto& library : libraries_) found[library.path.filename().string()] = library.sha256;
  return found;
}

std::string PluginParts::digest() const {
  if (libraries_.empty()) return copy_->sha256();
  Sha256 digest;
  digest.add(copy_->sha256());
  for (const auto& library : libraries_) digest.add(" " + library.needed + " " + library.sha256);
  return digest.hex();
}

void* PluginParts::load() const {
  // First, so that no run path is looked through for them, where something may be by now.
  for (const auto& name : others_)
    if (!shared_library::is_loaded(name)) shared_library::load(name, file_);
  const bool names_are_files = copy_->path() == file_;
  FileNames names;
  for (const auto& library : libraries_) {
    if (library.copy) {
      keep(library.copy);
      void* loaded = shared_library::load(library.copy->path().string(), library.path);
      const Brought now{loaded, library.path, library.soname, library.sha256};
      brought()[library.name] = now;
      if (!library.soname.empty()) brought()[library.soname] = now;
    }
    const Brought& known = brought().at(library.name);
    if (names_are_files) continue;  // and $ORIGIN is where they are
    if (known.soname != library.name) shared_library::rename(known.library, library.name);  // until all are loaded
    names.add(known.library, known.path);
  }
  keep(copy_);
  void* plugin = shared_library::load(copy_->path().string(), file_);
  if (!names_are_files) names.add(plugin, file_);
  return plugin;
}

}  // namespace trainer
