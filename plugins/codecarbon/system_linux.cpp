// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#if defined(__GLIBC__)
#include <gnu/libc-version.h>
#endif

#include "system.hpp"
#include "text.hpp"

extern char** environ;

namespace codecarbon::system {
namespace {

namespace fs = std::filesystem;

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

[[noreturn]] void fail(const fs::path& path, const char* what) {
  const int reason = errno;
  throw std::runtime_error(path.string() + " could not be " + what + ": " + std::strerror(reason) +
                           (reason == ENOSPC || reason == EDQUOT
                                ? "; free some space, or set the output_dir of codecarbon to another disk"
                                : "; check the directory and its permissions, or set the output_dir of codecarbon"));
}

void write_all(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path, "written");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string read_text(const char* path) {
  std::error_code ignored;
  return read_file(path, ignored).value_or(std::string());
}

/// ARM kernels give no brand, only numbers (MIDR_EL1); lscpu names them in the same way.
std::string arm_model(const std::string& implementer, const std::string& part) {
  static const std::map<std::string, std::string> parts = {
      {"0x41/0xd07", "Cortex-A57"},  {"0x41/0xd08", "Cortex-A72"},  {"0x41/0xd0b", "Cortex-A76"},
      {"0x41/0xd0c", "Neoverse-N1"}, {"0x41/0xd40", "Neoverse-V1"}, {"0x41/0xd49", "Neoverse-N2"},
      {"0x41/0xd4f", "Neoverse-V2"}, {"0xc0/0xac3", "Ampere-1"},    {"0xc0/0xac4", "Ampere-1a"}};
  const auto found = parts.find(implementer + "/" + part);
  return found == parts.end() ? std::string() : found->second;
}

void read_cpuinfo(Machine& machine) {
  std::istringstream lines(read_text("/proc/cpuinfo"));
  std::set<std::string> sockets;
  std::string line, board, implementer, part;
  while (std::getline(lines, line)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key(trim(std::string_view(line).substr(0, colon)));
    const std::string value(trim(std::string_view(line).substr(colon + 1)));
    if (key == "model name" && machine.cpu_model.empty()) machine.cpu_model = value;
    if (key == "physical id") sockets.insert(value);
    if (key == "Model") board = value;
    if (key == "CPU implementer") implementer = value;
    if (key == "CPU part") part = value;
  }
  if (machine.cpu_model.empty()) machine.cpu_model = arm_model(implementer, part);
  if (machine.cpu_model.empty()) machine.cpu_model = board;
  if (!sockets.empty()) machine.sockets = static_cast<int>(sockets.size());
}

}  // namespace

std::optional<CpuTimes> cpu_times() {
  std::istringstream line(read_text("/proc/stat"));
  std::string name;
  // user nice system idle iowait irq softirq steal; the guest times that follow are in user and
  // nice.
  double times[8] = {};
  if (!(line >> name) || name != "cpu") return std::nullopt;
  for (double& time : times)
    if (!(line >> time)) return std::nullopt;
  CpuTimes out;
  for (const double time : times) out.total += time;
  out.busy = out.total - times[3] - times[4];
  return out;
}

Memory memory() {
  std::istringstream lines(read_text("/proc/meminfo"));
  std::string line;
  double total_kb = 0, available_kb = 0;
  while (std::getline(lines, line)) {
    std::sscanf(line.c_str(), "MemTotal: %lf", &total_kb);
    std::sscanf(line.c_str(), "MemAvailable: %lf", &available_kb);
  }
  constexpr double kb_to_gb = 1.0 / (1024 * 1024);
  return {total_kb * kb_to_gb, (total_kb - available_kb) * kb_to_gb};
}

Machine machine() {
  Machine out;
  utsname name{};
  if (::uname(&name) == 0) {
    out.os = std::string(name.sysname) + "-" + name.release + "-" + name.machine;
#if defined(__GLIBC__)
    out.os += std::string("-with-glibc") + gnu_get_libc_version();
#endif
    const std::string architecture = to_lower(name.machine);
    out.arm = architecture.find("arm") != std::string::npos || architecture.find("aarch") != std::string::npos;
  }
  const long threads = ::sysconf(_SC_NPROCESSORS_ONLN);
  out.threads = threads > 0 ? static_cast<int>(threads) : 0;
  read_cpuinfo(out);
  return out;
}

std::string uuid4() {
  std::random_device random;
  unsigned char bytes[16];
  for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(random());
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);  // version 4
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);  // RFC 4122
  std::string out;
  for (int i = 0; i < 16; ++i) {
    char hex[3];
    std::snprintf(hex, sizeof hex, "%02x", bytes[i]);
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += hex;
  }
  return out;
}

std::string local_timestamp() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &local);
  return {text, size};
}

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

fs::path home_directory() {
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') return home;
  const passwd* user = ::getpwuid(::getuid());
  return user != nullptr ? user->pw_dir : "";
}

std::optional<std::string> read_file(const fs::path& path, std::error_code& error) {
  // Non-blocking, so that a named pipe is refused instead of waited for.
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat info {};
  std::string bytes;
  char buffer[16384];
  ssize_t n = -1;
  if (file.fd >= 0 && ::fstat(file.fd, &info) == 0 && S_ISREG(info.st_mode)) {
    while ((n = ::read(file.fd, buffer, sizeof buffer)) != 0) {
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) break;
      bytes.append(buffer, static_cast<std::size_t>(n));
    }
  } else if (file.fd >= 0) {
    errno = EINVAL;
  }
  error = n == 0 ? std::error_code() : std::error_code(errno, std::generic_category());
  if (error) return std::nullopt;
  return bytes;
}

void replace_file(const fs::path& path, std::string_view bytes) {
  std::error_code missing;
  const fs::path real = fs::canonical(path, missing);  // keeps a symbolic link a link
  const fs::path& target = missing ? path : real;
  fs::path temporary = target;
  temporary += ".tmp" + std::to_string(::getpid());
  try {
    Descriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (file.fd < 0) fail(temporary, "created");
    struct stat old {};
    if (!missing && ::stat(target.c_str(), &old) == 0 && ::fchmod(file.fd, old.st_mode & 07777) != 0)
      fail(temporary, "given the mode of the file that it replaces");
    write_all(file.fd, bytes, temporary);
    if (::fsync(file.fd) != 0) fail(temporary, "flushed to the disk");
    if (::rename(temporary.c_str(), target.c_str()) != 0) fail(target, "replaced");
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  // The new name is on the disk only when the directory is; a file system that cannot do it is
  // fine.
  Descriptor directory{::open(fs::absolute(target).parent_path().c_str(), O_RDONLY | O_CLOEXEC)};
  if (directory.fd >= 0) (void)!::fsync(directory.fd);
}

void require_writable_directory(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    errno = error.value();
    fail(path, "made");
  }
  if (::access(path.c_str(), W_OK | X_OK) != 0) fail(path, "written to");
}

Library::Library(const std::string& name) : handle_(::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ == nullptr) error_ = ::dlerror();
}

void* Library::symbol(const char* name) const { return handle_ == nullptr ? nullptr : ::dlsym(handle_, name); }

}  // namespace codecarbon::system
