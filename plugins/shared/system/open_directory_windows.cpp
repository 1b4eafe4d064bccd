// SPDX-License-Identifier: Apache-2.0
//
// Steps by handles: a directory that is open without FILE_SHARE_DELETE keeps its name and place, and what is opened
// below it is opened as itself, never as what a link names.
#include "shared/system/open_directory.hpp"

#include <fcntl.h>
#include <io.h>

#include <algorithm>
#include <trainer/sdk/path.hpp>
#include <utility>

#include "shared/system/windows.hpp"

namespace trainer::plugins {
namespace {

using windows::Handle;
constexpr int deepest = 64;  // directories within each other
constexpr DWORD stays = FILE_SHARE_READ | FILE_SHARE_WRITE;

HANDLE handle_of(std::intptr_t directory) { return reinterpret_cast<HANDLE>(directory); }

/// The directory's path as it is now; the handle keeps it.
std::filesystem::path path_of(HANDLE directory) {
  std::wstring path(32768, L'\0');
  const DWORD size =
      ::GetFinalPathNameByHandleW(directory, path.data(), static_cast<DWORD>(path.size()), FILE_NAME_NORMALIZED);
  path.resize(size < path.size() ? size : 0);
  return path;
}

DWORD attributes_of(HANDLE file) {
  BY_HANDLE_FILE_INFORMATION info{};
  return ::GetFileInformationByHandle(file, &info) ? info.dwFileAttributes
                                                   : static_cast<DWORD>(FILE_ATTRIBUTE_REPARSE_POINT);
}

bool is_directory(DWORD attributes) {
  return (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0 && (attributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0;
}
bool is_file(DWORD attributes) {
  return (attributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_DEVICE)) == 0;
}

Handle open_entry(HANDLE directory, const std::string& name, DWORD rights) {
  const std::filesystem::path path = path_of(directory) / sdk::path_of(name);
  return Handle(::CreateFileW(path.c_str(), rights, stays, nullptr, OPEN_EXISTING,
                              FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, nullptr));
}

template <typename Each>
void for_each_entry(HANDLE directory, Each&& each) {
  WIN32_FIND_DATAW entry{};
  const HANDLE search = ::FindFirstFileW((path_of(directory) / L"*").c_str(), &entry);
  if (search == INVALID_HANDLE_VALUE) return;
  do {
    const std::string name = windows::narrow(entry.cFileName);
    if (name != "." && name != "..") each(name, entry.dwFileAttributes);
  } while (::FindNextFileW(search, &entry));
  ::FindClose(search);
}

void remove_entry(HANDLE directory, const std::string& name, int depth) {
  const std::filesystem::path path = path_of(directory) / sdk::path_of(name);
  const DWORD attributes = ::GetFileAttributesW(path.c_str());
  if (attributes == INVALID_FILE_ATTRIBUTES || depth == deepest) return;
  if ((attributes & FILE_ATTRIBUTE_DIRECTORY) == 0) {
    if ((attributes & FILE_ATTRIBUTE_READONLY) != 0)
      ::SetFileAttributesW(path.c_str(), attributes & ~static_cast<DWORD>(FILE_ATTRIBUTE_READONLY));
    ::DeleteFileW(path.c_str());
    return;
  }
  if (is_directory(attributes)) {
    const Handle inner = open_entry(directory, name, FILE_LIST_DIRECTORY);
    if (!inner || !is_directory(attributes_of(inner.get()))) return;
    for_each_entry(inner.get(), [&](const std::string& entry, DWORD) { remove_entry(inner.get(), entry, depth + 1); });
  }
  ::RemoveDirectoryW(path.c_str());  // of a link, the link
}

}  // namespace

std::optional<OpenDirectory> OpenDirectory::open(const std::filesystem::path& path) {
  Handle directory(::CreateFileW(path.empty() ? L"." : path.c_str(), FILE_LIST_DIRECTORY, stays, nullptr, OPEN_EXISTING,
                                 FILE_FLAG_BACKUP_SEMANTICS, nullptr));
  if (!directory || (attributes_of(directory.get()) & FILE_ATTRIBUTE_DIRECTORY) == 0) return std::nullopt;
  return OpenDirectory(reinterpret_cast<std::intptr_t>(directory.release()));
}

OpenDirectory::~OpenDirectory() {
  if (directory_ != -1) ::CloseHandle(handle_of(directory_));
}

std::optional<OpenDirectory> OpenDirectory::child(const std::string& name) const {
  if (!is_plain_name(name)) return std::nullopt;
  Handle inner = open_entry(handle_of(directory_), name, FILE_LIST_DIRECTORY);
  if (!inner || !is_directory(attributes_of(inner.get()))) return std::nullopt;
  return OpenDirectory(reinterpret_cast<std::intptr_t>(inner.release()));
}

void OpenDirectory::add_files(const std::string& prefix, std::vector<std::string>& found) const {
  if (std::count(prefix.begin(), prefix.end(), '/') == deepest) return;
  for_each_entry(handle_of(directory_), [&](const std::string& name, DWORD attributes) {
    if (is_file(attributes)) found.push_back(prefix + name);
    if (!is_directory(attributes)) return;
    if (const auto inner = child(name)) inner->add_files(prefix + name + "/", found);
  });
}

std::shared_ptr<std::FILE> OpenDirectory::open_own_file(const std::string& name) const {
  if (!is_plain_name(name)) return nullptr;
  Handle handle = open_entry(handle_of(directory_), name, GENERIC_READ);
  if (!handle || !is_file(attributes_of(handle.get()))) return nullptr;
  const int fd = ::_open_osfhandle(reinterpret_cast<std::intptr_t>(handle.get()), _O_RDONLY | _O_BINARY);
  if (fd < 0) return nullptr;
  (void)handle.release();  // the descriptor's now
  std::FILE* const file = ::_fdopen(fd, "rb");
  if (file == nullptr) {
    ::_close(fd);
    return nullptr;
  }
  return {file, [](std::FILE* open) { std::fclose(open); }};
}

void OpenDirectory::remove(const std::string& name) const {
  if (is_plain_name(name)) remove_entry(handle_of(directory_), name, 0);
}

}  // namespace trainer::plugins
