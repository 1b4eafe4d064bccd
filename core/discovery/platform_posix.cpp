// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/core/demangle.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "discovery/platform.hpp"
#include "discovery/plugin_trust.hpp"
#include "trainer/error.hpp"

namespace trainer::platform {
namespace {

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

// The piece of `text` between two marks, or empty when one of them is missing.
std::string between(const std::string& text, std::string_view begin, std::string_view end) {
  const auto first = text.find(begin);
  if (first == text.npos) return {};
  const auto start = first + begin.size();
  const auto last = end.empty() ? text.size() : text.find(end, start);
  return last == text.npos ? std::string() : text.substr(start, last - start);
}

}  // namespace

const std::string_view plugin_suffix = ".so";
const char path_list_separator = ':';

InputFile::InputFile(const std::filesystem::path& path)
    : InputFile(path, path.string(), trusts_any_plugin() ? 0 : O_NOFOLLOW) {}

InputFile::InputFile(const std::filesystem::path& path, std::string name, int flags) : name_(std::move(name)) {
  const auto refuse_kind = [this](mode_t mode) {
    throw_usage(error_id::plugin_file_not_regular,
                name_ + " is " + std::string(kind_of(mode)) +
                    ", and a plugin is a regular file; take it out of the plugin directory");
  };
  // Non-blocking, because opening a named pipe would else wait for a writer for ever.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | flags);
  if (descriptor_ < 0) {
    if (errno == ELOOP && flags == O_NOFOLLOW)
      throw_usage(error_id::plugin_file_link,
                  name_ +
                      " is a symbolic link, and a plugin is a regular file; put the file itself there, or set "
                      "TRAINER_PLUGIN_TRUST=any");
    struct stat info {};
    if (errno == ENXIO && ::stat(path.c_str(), &info) == 0) refuse_kind(info.st_mode);  // a socket
    const std::string remedy = errno == EACCES ? "; make it readable with chmod" : "";
    throw_usage(error_id::plugin_file_unreadable, name_ + " could not be opened: " + std::strerror(errno) + remedy);
  }
  struct stat info {};
  if (::fstat(descriptor_, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(descriptor_);
    refuse_kind(info.st_mode);
  }
  size_ = static_cast<std::uint64_t>(info.st_size);
}

InputFile::~InputFile() { ::close(descriptor_); }

std::string InputFile::read(std::uint64_t offset, std::uint64_t count) const {
  std::string bytes(count, '\0');
  std::uint64_t done = 0;
  while (done < count) {
    const ssize_t n = ::pread(descriptor_, bytes.data() + done, count - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_usage(error_id::plugin_file_unreadable, name_ + " could not be read: " + std::strerror(errno));
    if (n == 0)
      throw_usage(error_id::plugin_file_changed,
                  name_ + " became shorter while it was read; install plugins by renaming them " + "into place");
    done += static_cast<std::uint64_t>(n);
  }
  return bytes;
}

std::filesystem::path executable_path() {
  std::error_code ignored;
#if defined(__linux__)
  return std::filesystem::read_symlink("/proc/self/exe", ignored);
#else
  return {};  // macOS: _NSGetExecutablePath
#endif
}

std::filesystem::path library_path() {
  Dl_info info{};
  // A function of this file alone: the address of anything public may be the program's copy of it.
  if (::dladdr(reinterpret_cast<const void*>(&kind_of), &info) == 0 || !info.dli_fname) return {};
  // For code of the program itself the loader gives argv[0], which need not be a path at all.
  std::error_code error;
  auto path = std::filesystem::canonical(info.dli_fname, error);
  return error || path == executable_path() ? std::filesystem::path() : path;
}

std::filesystem::path user_data_directory() {
  // The XDG base directory specification: a relative value is to be ignored.
  const char* data = std::getenv("XDG_DATA_HOME");
  if (data && *data == '/') return data;
  const char* home = std::getenv("HOME");
  return home && *home == '/' ? std::filesystem::path(home) / ".local/share" : std::filesystem::path();
}

std::filesystem::path user_cache_directory() {
  if (const char* given = std::getenv("TRAINER_CACHE_DIR"); given && *given) return given;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache == '/') return std::filesystem::path(cache) / "libtrainer";
  const char* home = std::getenv("HOME");
  return home && *home == '/' ? std::filesystem::path(home) / ".cache/libtrainer" : std::filesystem::path();
}

std::string distrust(const std::filesystem::path& path) {
  const auto problem = [](const std::filesystem::path& at, bool directory) -> std::string {
    struct stat info {};
    if (::stat(at.c_str(), &info) != 0) return {};  // opening it says why
    const std::string name = at.string();
    if (info.st_uid != 0 && info.st_uid != ::geteuid())
      return name + " belongs to user " + std::to_string(info.st_uid) + ", expected root or user " +
             std::to_string(::geteuid()) + " who runs this; chown it";
    // In a directory with the sticky bit, nobody can replace another's file. A user's own group has the
    // user's number, by the custom of most systems.
    const bool group = (info.st_mode & S_IWGRP) != 0 && info.st_gid != 0 && info.st_gid != info.st_uid;
    const bool all = (info.st_mode & S_IWOTH) != 0;
    if ((group || all) && !(directory && (info.st_mode & S_ISVTX) != 0))
      return name + " can be written by " + (all ? "everybody" : "group " + std::to_string(info.st_gid)) +
             ", expected only by its owner; chmod go-w it";
    return {};
  };
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  if (error) return {};
  const auto found = problem(real, false);
  return found.empty() ? problem(real.parent_path(), true) : found;
}

bool defines(const char* symbol) { return ::dlsym(RTLD_DEFAULT, symbol) != nullptr; }

// The texts are glibc's (elf/dl-load.c, dl-lookup.c, dl-version.c); others are passed on as they
// are.
void refuse_loading(const std::filesystem::path& path, const std::string& loader_text) {
  const std::string file = path.string();
  if (auto symbol = between(loader_text, "undefined symbol: ", ""); !symbol.empty()) {
    const auto name = symbol.substr(0, symbol.find_first_of(", \t)"));
    const auto plain = boost::core::demangle(name.c_str());
    throw_usage(error_id::plugin_symbol_missing,
                file + " needs the symbol " + plain + (plain == name ? "" : " (" + name + ")") +
                    ", which neither it nor a library that it names defines; link it with the library that does, and "
                    "with -Wl,-z,defs, so that the linker tells");
  }
  if (auto needed = between(loader_text, "version `", "' not found"); !needed.empty()) {
    const auto library = loader_text.substr(0, loader_text.find(": version `"));
    throw_usage(error_id::plugin_library_too_old,
                file + " needs version " + needed + " of " + library +
                    ", and the one installed here is older; build the plugin on a system as old as this one");
  }
  if (loader_text.find("cannot open shared object file") != loader_text.npos) {
    const auto library = loader_text.substr(0, loader_text.find(": cannot open"));
    if (library != file)
      throw_usage(error_id::plugin_library_missing,
                  file + " needs the library " + library +
                      ", which was not found; install it, or add its directory to the plugin's run path "
                      "(-Wl,-rpath) or to LD_LIBRARY_PATH");
  }
  if (loader_text.find("static TLS block") != loader_text.npos)
    throw_usage(
        error_id::plugin_thread_storage,
        file + " needs more static thread-local storage than is left; build it with -ftls-model=global-dynamic");
  throw_usage(error_id::plugin_load_failed,
              file + " could not be loaded: " + loader_text + "; build it again for this system");
}

}  // namespace trainer::platform
