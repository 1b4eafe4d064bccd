// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include <io.h>

#include <algorithm>
#include <cstdio>

#include "base/file_access.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t longest_read = std::size_t{1} << 30;

[[noreturn]] void fail_write(const fs::path& path, const std::string& what) {
  const DWORD error = ::GetLastError();
  throw_run(error_id::file_write_failed, path.string() + " could not be " + what + ": " + windows::message(error) +
                                             (error == ERROR_DISK_FULL ? "; free some space and start again" : ""));
}

windows::Handle create(const fs::path& path, DWORD how) {
  return windows::Handle(::CreateFileW(path.c_str(), GENERIC_WRITE, 0, nullptr, how, FILE_ATTRIBUTE_NORMAL, nullptr));
}

void move_file(const fs::path& from, const fs::path& to, DWORD flags) {
  if (!windows::repeat([&] { return ::MoveFileExW(from.c_str(), to.c_str(), flags | MOVEFILE_WRITE_THROUGH); }))
    fail_write(from, "renamed to " + to.string());
}

// Writes what becomes `path`; on failure no trace is left. It is closed before it is renamed.
void put_in_place(windows::Handle file, const fs::path& temporary, const fs::path& path, std::string_view bytes) try {
  if (!windows::write_all(file.get(), bytes)) fail_write(temporary, "written");
  if (!::FlushFileBuffers(file.get())) fail_write(temporary, "flushed to the disk");
  file.close();
  move_file(temporary, path, MOVEFILE_REPLACE_EXISTING);
} catch (...) {
  file.close();
  ::DeleteFileW(temporary.c_str());
  throw;
}

// A file that nobody else has: the name of another would be somebody's.
windows::Handle open_new_beside(const fs::path& path, fs::path& temporary) {
  for (int n = 0;; ++n) {
    temporary = path;
    temporary += ".tmp" + (n == 0 ? std::string() : std::to_string(n));
    auto file = create(temporary, CREATE_NEW);
    if (file || ::GetLastError() != ERROR_FILE_EXISTS) return file;
  }
}

bool is_same(const BY_HANDLE_FILE_INFORMATION& a, const BY_HANDLE_FILE_INFORMATION& b) {
  return a.dwVolumeSerialNumber == b.dwVolumeSerialNumber && a.nFileIndexHigh == b.nFileIndexHigh &&
         a.nFileIndexLow == b.nFileIndexLow;
}

}  // namespace

std::string read_file(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored))
    throw_usage(error_id::file_read_failed, path.string() + " is not a regular file");
  const auto file = windows::open_to_read(path);
  if (!file)
    throw_usage(error_id::file_read_failed, path.string() + " could not be opened: " + windows::last_message());
  LARGE_INTEGER size{};
  if (::GetFileType(file.get()) != FILE_TYPE_DISK || !::GetFileSizeEx(file.get(), &size))
    throw_usage(error_id::file_read_failed, path.string() + " is not a regular file");
  std::string bytes(static_cast<std::size_t>(size.QuadPart), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    DWORD n = 0;
    const auto wanted = static_cast<DWORD>(std::min(bytes.size() - have, longest_read));
    if (!::ReadFile(file.get(), bytes.data() + have, wanted, &n, nullptr))
      throw_usage(error_id::file_read_failed, path.string() + " could not be read: " + windows::last_message());
    if (n == 0) break;
    have += n;
  }
  bytes.resize(have);
  return bytes;
}

std::FILE* create_file(const fs::path& path) { return ::_wfopen(path.c_str(), L"wbN"); }

void replace_file(const fs::path& path, std::string_view bytes) {
  fs::path temporary = path;
  temporary += ".tmp";
  auto file = create(temporary, CREATE_ALWAYS);
  if (!file) fail_write(temporary, "created");
  put_in_place(std::move(file), temporary, path, bytes);
}

bool ResultFile::is_stdout() const {
  BY_HANDLE_FILE_INFORMATION there{}, printed{};
  const auto found = windows::open_to_read(path_);
  return found && ::GetFileInformationByHandle(found.get(), &there) &&
         ::GetFileInformationByHandle(reinterpret_cast<HANDLE>(::_get_osfhandle(1)), &printed) &&
         is_same(there, printed);
}

void ResultFile::write(std::string_view bytes) const {
  BY_HANDLE_FILE_INFORMATION there{};
  bool exists = false, regular = false;
  if (const auto found = windows::open_to_read(path_); found) {
    exists = true;
    regular = ::GetFileType(found.get()) == FILE_TYPE_DISK && ::GetFileInformationByHandle(found.get(), &there);
  }
  std::fflush(stdout);
  for (const int stream : {1, 2}) {
    const auto printed = reinterpret_cast<HANDLE>(::_get_osfhandle(stream));
    BY_HANDLE_FILE_INFORMATION info{};
    if (!regular || !::GetFileInformationByHandle(printed, &info) || !is_same(there, info)) continue;
    if (!windows::write_all(printed, bytes)) fail_write(path_, "written");
    return;
  }
  if (!exists || (regular && there.nNumberOfLinks == 1)) {
    const auto target = behind_links(path_);
    fs::path temporary;
    if (auto file = open_new_beside(target, temporary); file)
      return put_in_place(std::move(file), temporary, target, bytes);
    if (!exists) fail_write(path_, "created");
  }
  const auto file = create(path_, regular ? TRUNCATE_EXISTING : OPEN_EXISTING);
  if (!file) fail_write(path_, "opened");
  if (!windows::write_all(file.get(), bytes)) fail_write(path_, "written");
}

// Windows cannot exchange two directories: for a moment the target is missing, and `from`.old has what was there.
void replace_directory(const fs::path& from, const fs::path& to) {
  std::error_code none;
  if (!fs::exists(to, none)) return move_file(from, to, 0);
  fs::path aside = from;
  aside += ".old";
  fs::remove_all(aside);
  move_file(to, aside, 0);
  move_file(from, to, 0);
  fs::remove_all(aside);
}

void sync_file(const fs::path& path) {
  const windows::Handle file(::CreateFileW(path.c_str(), GENERIC_WRITE,
                                           FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                           OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr));
  if (!file || !::FlushFileBuffers(file.get())) fail_write(path, "flushed to the disk");
}

void sync_directory(const fs::path&) {}  // its entries are written through, see move_file()

void require_writable_directory(const fs::path& path, std::string_view what) {
  std::error_code ec, none;
  fs::create_directories(path, ec);
  const std::string name = std::string(what) + " " + path.string();
  const bool there = fs::exists(path, none);
  if (ec && !there)
    throw_usage(error_id::directory_unusable,
                name + " could not be made: " + ec.message() + "; name another directory");
  if (!fs::is_directory(path, none))
    throw_usage(error_id::directory_unusable, name + " is not a directory; name another one");
  const auto probe = path / (L".trainer-" + std::to_wstring(::GetCurrentProcessId()));
  const windows::Handle file(::CreateFileW(probe.c_str(), GENERIC_WRITE | DELETE, 0, nullptr, CREATE_ALWAYS,
                                           FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, nullptr));
  if (!file)
    throw_usage(error_id::directory_unusable,
                name + " cannot be written to: " + windows::last_message() + "; change its rights or name another");
}

}  // namespace trainer
