// SPDX-License-Identifier: Apache-2.0
#include "formats/file_reader.hpp"

#include <algorithm>

#include "base/windows.hpp"
#include "trainer/error.hpp"

namespace trainer {

FileReader::FileReader(const std::filesystem::path& path, const FileRole& role) : name_(path.string()), role_(role) {
  windows::Handle file(::CreateFileW(path.c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                     nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr));
  if (!file)
    throw_run(error_id::file_read_failed,
              name_ + ": cannot open the file (" + windows::message(::GetLastError()) + "); check the path");
  LARGE_INTEGER size{};
  if (::GetFileType(file.get()) != FILE_TYPE_DISK || !::GetFileSizeEx(file.get(), &size))
    throw_run(error_id::file_read_failed, name_ + ": is not a regular file; check the path");
  size_ = static_cast<std::uint64_t>(size.QuadPart);
  file_ = reinterpret_cast<std::intptr_t>(file.release());
}

FileReader::~FileReader() { ::CloseHandle(reinterpret_cast<HANDLE>(file_)); }

void FileReader::read(std::uint64_t at, void* to, std::uint64_t bytes) const {
  char* next = static_cast<char*>(to);
  while (bytes > 0) {
    OVERLAPPED place{};  // so that threads may read at once
    place.Offset = static_cast<DWORD>(at);
    place.OffsetHigh = static_cast<DWORD>(at >> 32);
    const auto piece = static_cast<DWORD>(std::min<std::uint64_t>(bytes, 1u << 30));
    DWORD n = 0;
    if (!::ReadFile(reinterpret_cast<HANDLE>(file_), next, piece, &n, &place) && ::GetLastError() != ERROR_HANDLE_EOF)
      throw_run(error_id::file_read_failed,
                name_ + ": cannot read the file (" + windows::message(::GetLastError()) + "); check the disk");
    if (n == 0) role_.fail(name_ + ": found no more bytes at " + std::to_string(at));
    next += n;
    at += n;
    bytes -= n;
  }
}

}  // namespace trainer
