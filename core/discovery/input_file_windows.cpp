// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include "discovery/file_trust.hpp"
#include "discovery/input_file.hpp"
#include "discovery/plugin_trust.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

HANDLE handle_of(std::intptr_t descriptor) { return reinterpret_cast<HANDLE>(descriptor); }

// What is opened is not written by anybody while it is open: it is shared for reading and deleting only.
windows::Handle open(const fs::path& path, DWORD access, DWORD flags) {
  return windows::Handle(::CreateFileW(path.c_str(), access, FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr,
                                       OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL | flags, nullptr));
}

// A symbolic link or a junction, which stand for another name; not what a file system stores elsewhere.
bool is_link(HANDLE file) {
  FILE_ATTRIBUTE_TAG_INFO info{};
  return ::GetFileInformationByHandleEx(file, FileAttributeTagInfo, &info, sizeof info) &&
         (info.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) && IsReparseTagNameSurrogate(info.ReparseTag);
}

}  // namespace

InputFile::InputFile(const fs::path& path, std::string name) : name_(std::move(name)) {
  auto file = open(path, GENERIC_READ, 0);
  if (!file) refuse_opening(::GetLastError());
  descriptor_ = reinterpret_cast<std::intptr_t>(file.release());
  require_regular();
}

// While a directory is open it cannot be renamed: the next name is looked for where this one was asked.
void InputFile::open_by_links(fs::path path, Links links) {
  const auto ask = [&](HANDLE opened, Opened kind, const fs::path& at) {
    if (distrust_.empty() && !trusts_any_plugin())
      distrust_ = others_may_write(reinterpret_cast<std::intptr_t>(opened), kind, at.string());
  };
  for (int hop = 0; hop < most_links; ++hop) {
    const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(L".");
    const windows::Handle directory(::CreateFileW(parent.c_str(), READ_CONTROL | FILE_READ_ATTRIBUTES,
                                                  FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr, OPEN_EXISTING,
                                                  FILE_FLAG_BACKUP_SEMANTICS, nullptr));
    if (!directory) refuse_opening(::GetLastError());
    ask(directory.get(), Opened::directory, parent);
    auto file = open(path, GENERIC_READ | READ_CONTROL, FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS);
    if (!file) refuse_opening(::GetLastError());
    if (!is_link(file.get())) {
      ask(file.get(), Opened::file, path);
      descriptor_ = reinterpret_cast<std::intptr_t>(file.release());
      return;
    }
    if (links == Links::refused) refuse_link();
    ask(file.get(), Opened::link, path);
    std::error_code error;
    const auto target = fs::read_symlink(path, error);
    if (error) refuse_opening(static_cast<std::uint32_t>(error.value()));
    path = (path.parent_path() / target).lexically_normal();
  }
  refuse_opening(ERROR_CANT_RESOLVE_FILENAME);
}

void InputFile::refuse_opening(std::uint32_t error) const {
  throw_usage(error_id::plugin_file_unreadable,
              name_ + " could not be opened: " + windows::message(error) +
                  (error == ERROR_SHARING_VIOLATION ? "; wait until it is written" : ""));
}

void InputFile::require_regular() {
  BY_HANDLE_FILE_INFORMATION info{};
  const HANDLE file = handle_of(descriptor_);
  const bool on_disk = ::GetFileType(file) == FILE_TYPE_DISK && ::GetFileInformationByHandle(file, &info);
  const bool directory = on_disk && (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY);
  if (on_disk && !directory) {
    size_ = std::uint64_t{info.nFileSizeHigh} << 32 | info.nFileSizeLow;
    return;
  }
  ::CloseHandle(file);
  throw_usage(error_id::plugin_file_not_regular, name_ + " is " + (directory ? "a directory" : "a device or a pipe") +
                                                     ", and a plugin is a regular file; take it out of the plugin "
                                                     "directory");
}

InputFile::~InputFile() { ::CloseHandle(handle_of(descriptor_)); }

std::size_t InputFile::read_some(std::uint64_t offset, char* to, std::size_t count) const {
  OVERLAPPED at{};
  at.Offset = static_cast<DWORD>(offset);
  at.OffsetHigh = static_cast<DWORD>(offset >> 32);
  DWORD n = 0;
  if (!::ReadFile(handle_of(descriptor_), to, static_cast<DWORD>(count), &n, &at) &&
      ::GetLastError() != ERROR_HANDLE_EOF)
    throw_usage(error_id::plugin_file_unreadable, name_ + " could not be read: " + windows::last_message());
  return n;
}

}  // namespace trainer
