// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"
#include "formats/file_reader.hpp"
#include "trainer/error.hpp"

namespace trainer {

FileReader::FileReader(const std::filesystem::path& path, const FileRole& role) : name_(path.string()), role_(role) {
  windows::Handle file(::CreateFileW(path.c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                     nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr));
  if (!file) refuse("open", windows::last_message());
  LARGE_INTEGER size{};
  if (::GetFileType(file.get()) != FILE_TYPE_DISK || !::GetFileSizeEx(file.get(), &size))
    throw_run(error_id::file_read_failed, name_ + ": is not a regular file; check the path");
  size_ = static_cast<std::uint64_t>(size.QuadPart);
  file_ = reinterpret_cast<std::intptr_t>(file.release());
}

FileReader::~FileReader() { ::CloseHandle(reinterpret_cast<HANDLE>(file_)); }

std::size_t FileReader::read_some(std::uint64_t at, char* to, std::size_t bytes) const {
  OVERLAPPED place{};  // so that threads may read at once
  place.Offset = static_cast<DWORD>(at);
  place.OffsetHigh = static_cast<DWORD>(at >> 32);
  DWORD n = 0;
  if (!::ReadFile(reinterpret_cast<HANDLE>(file_), to, static_cast<DWORD>(bytes), &n, &place) &&
      ::GetLastError() != ERROR_HANDLE_EOF)
    refuse("read", windows::last_message());
  return n;
}

}  // namespace trainer
