// SPDX-License-Identifier: Apache-2.0
//
// Small reads, links, rights and locks by Windows.
#include "shared/system/files.hpp"

#include <algorithm>
#include <array>
#include <thread>
#include <trainer/sdk/file.hpp>
#include <trainer/sdk/path.hpp>

#include "shared/system/random_id.hpp"
#include "shared/system/windows.hpp"

namespace trainer::plugins {
namespace {

constexpr DWORD share_all = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

HANDLE handle_of(std::intptr_t file) { return reinterpret_cast<HANDLE>(file); }

/// Which file it is, whatever its name.
std::array<DWORD, 3> identity(HANDLE file) {
  BY_HANDLE_FILE_INFORMATION info{};
  if (!::GetFileInformationByHandle(file, &info)) return {};
  return {info.dwVolumeSerialNumber, info.nFileIndexHigh, info.nFileIndexLow};
}

bool names(const std::filesystem::path& path, HANDLE file) {
  const windows::Handle named(
      ::CreateFileW(path.c_str(), FILE_READ_ATTRIBUTES, share_all, nullptr, OPEN_EXISTING, 0, nullptr));
  return named && identity(named.get()) == identity(file);
}

/// Locks are mandatory here: one byte far behind the end keeps nobody from the file itself. Where the file system has
/// no locks, everybody holds it.
bool lock_file(HANDLE file) {
  OVERLAPPED at{};
  at.OffsetHigh = 0x7FFFFFFF;
  return ::LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at) ||
         (::GetLastError() != ERROR_LOCK_VIOLATION && ::GetLastError() != ERROR_IO_PENDING);
}

}  // namespace

std::optional<std::string> read_file(const std::filesystem::path& path, std::error_code& error) {
  const windows::Handle file(
      ::CreateFileW(path.c_str(), GENERIC_READ, share_all, nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr));
  std::string bytes;
  DWORD code = file ? ERROR_SUCCESS : ::GetLastError();
  if (file && ::GetFileType(file.get()) != FILE_TYPE_DISK) code = ERROR_INVALID_PARAMETER;
  char piece[16384];
  DWORD n = 1;
  while (code == ERROR_SUCCESS && n != 0) {
    if (!::ReadFile(file.get(), piece, sizeof piece, &n, nullptr))
      code = ::GetLastError();
    else
      bytes.append(piece, n);
  }
  error = code == ERROR_SUCCESS
              ? std::error_code()
              : std::error_code(code == ERROR_INVALID_PARAMETER ? EINVAL : sdk::system_files::code_of(code),
                                std::generic_category());
  if (error) return std::nullopt;
  return bytes;
}

/// The right to make one is not everybody's.
bool replace_link(const std::filesystem::path& link, const std::filesystem::path& target) {
  std::filesystem::path temporary = link;
  temporary += sdk::path_of("." + std::to_string(::GetCurrentProcessId()));
  std::error_code error;
  const bool directory = std::filesystem::is_directory(link.parent_path() / target, error);
  constexpr DWORD unprivileged = 0x2;  // SYMBOLIC_LINK_FLAG_ALLOW_UNPRIVILEGED_CREATE, in developer mode
  if (!::CreateSymbolicLinkW(temporary.c_str(), target.c_str(),
                             (directory ? SYMBOLIC_LINK_FLAG_DIRECTORY : 0) | unprivileged))
    return false;
  if (std::filesystem::is_symlink(link, error))
    std::filesystem::remove(link, error);  // MoveFileEx replaces no directory
  if (::MoveFileExW(temporary.c_str(), link.c_str(), MOVEFILE_REPLACE_EXISTING)) return true;
  std::filesystem::remove(temporary, error);
  return false;
}

bool can_be_name(std::string_view name) {
  if (name.empty() || name.back() == '.' || name.back() == ' ') return false;
  if (std::any_of(name.begin(), name.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 ||
               std::string_view("<>:\"/\\|?*").find(c) != std::string_view::npos;
      }))
    return false;
  // Devices, in every directory and with any ending.
  std::string stem(name.substr(0, name.find('.')));
  std::transform(stem.begin(), stem.end(), stem.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  const bool numbered = stem.size() == 4 && stem[3] >= '0' && stem[3] <= '9';
  const std::string kind = numbered ? stem.substr(0, 3) : stem;
  return numbered ? kind != "COM" && kind != "LPT" : kind != "CON" && kind != "PRN" && kind != "AUX" && kind != "NUL";
}

/// Rights are lists here: whether one may make a file is found by making one.
void make_writable_directory(const std::filesystem::path& path) {
  sdk::make_directory(path);
  const std::filesystem::path probe = path / sdk::path_of(".trainer-" + random_hex(16));
  const windows::Handle file(::CreateFileW(probe.c_str(), GENERIC_WRITE, share_all, nullptr, CREATE_NEW,
                                           FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, nullptr));
  if (!file) sdk::system_files::fail(path, "could not be written to", sdk::system_files::last_code());
}

/// The user's directory for them is no other user's.
std::filesystem::path make_temporary_directory(const std::string& prefix) {
  for (;;) {
    const auto path = std::filesystem::temp_directory_path() / sdk::path_of(prefix + random_id(6));
    std::error_code error;
    if (std::filesystem::create_directory(path, error)) return path;
    if (error) sdk::system_files::fail(path, "could not be made", error);
  }
}

FileLock::FileLock(FileLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

FileLock::~FileLock() {
  if (file_ != -1) ::CloseHandle(handle_of(file_));
}

FileLock FileLock::wait(const std::filesystem::path& path, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    FileLock lock;
    const HANDLE file = ::CreateFileW(path.c_str(), GENERIC_READ | FILE_WRITE_ATTRIBUTES, share_all, nullptr,
                                      OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
    if (file == INVALID_HANDLE_VALUE) return {};
    lock.file_ = reinterpret_cast<std::intptr_t>(file);
    const bool held = lock_file(file);
    if (held && names(path, file)) return lock;  // else it was renamed while this waited
    if (std::chrono::steady_clock::now() >= deadline) return {};
    if (!held) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

bool FileLock::take(const std::filesystem::path& path) {
  windows::Handle file(
      ::CreateFileW(path.c_str(), GENERIC_READ, share_all, nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr));
  if (!file || !lock_file(file.get())) return false;
  if (file_ != -1) ::CloseHandle(handle_of(file_));
  file_ = reinterpret_cast<std::intptr_t>(file.release());
  return true;
}

}  // namespace trainer::plugins
