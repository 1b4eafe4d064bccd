// SPDX-License-Identifier: Apache-2.0
//
// Everything that asks the operating system. system_linux.cpp is the only file that a port
// replaces.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace codecarbon::system {

/// Time that all CPUs together spent, in any unit, since some moment.
struct CpuTimes {
  double busy = 0;
  double total = 0;
};
std::optional<CpuTimes> cpu_times();

struct Memory {
  double total_gb = 0;  // GB of 1024^3 bytes, as CodeCarbon counts them
  double used_gb = 0;   // total less available
};
Memory memory();  // zeros when unknown

struct Machine {
  std::string os;         // platform.platform() of Python: "Linux-6.1.0-x86_64-with-glibc2.36"
  std::string cpu_model;  // brand, empty when unknown
  int threads = 0;        // logical CPUs; 0 when unknown
  int sockets = 1;
  bool arm = false;
};
Machine machine();

std::string uuid4();
std::string local_timestamp();  // 2026-11-23T16:17:34
std::map<std::string, std::string> environment();
std::filesystem::path home_directory();  // empty when unknown

/// The whole of a small file, such as one of sysfs. `error` says why there is none.
std::optional<std::string> read_file(const std::filesystem::path& path, std::error_code& error);

/// Replaces `path` by `bytes`, all or nothing: a temporary file, flushed, then renamed. Throws
/// std::runtime_error with one sentence; nothing half-written stays.
void replace_file(const std::filesystem::path& path, std::string_view bytes);

/// Makes the directory if it is not there; throws one sentence when it cannot be written to.
void require_writable_directory(const std::filesystem::path& path);

/// A shared library, bound at run time and never unloaded.
class Library {
 public:
  explicit Library(const std::string& name);
  explicit operator bool() const { return handle_ != nullptr; }
  const std::string& error() const { return error_; }

  template <typename Function>
  bool bind(const char* name, Function*& function) const {
    function = reinterpret_cast<Function*>(symbol(name));
    return function != nullptr;
  }

 private:
  void* symbol(const char* name) const;
  void* handle_ = nullptr;
  std::string error_;
};

}  // namespace codecarbon::system
