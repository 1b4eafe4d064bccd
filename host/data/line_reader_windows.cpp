// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"
#include "data/line_reader.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

constexpr std::size_t piece_size = std::size_t{1} << 16;
constexpr DWORD share_all = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

bool is_stdin(const std::filesystem::path& path) { return path == "-"; }

[[noreturn]] void unreadable(const std::string& name, const char* what) {
  throw_run(error_id::file_read_failed, name + ": cannot " + what + " the file (" + windows::message(::GetLastError()) +
                                            "); check the path and who may read it");
}

}  // namespace

LineReader::LineReader(const std::filesystem::path& path)
    : name_(is_stdin(path) ? "stdin" : path.string()), buffer_(piece_size) {
  HANDLE file = INVALID_HANDLE_VALUE;
  if (is_stdin(path))
    ::DuplicateHandle(::GetCurrentProcess(), ::GetStdHandle(STD_INPUT_HANDLE), ::GetCurrentProcess(), &file, 0, FALSE,
                      DUPLICATE_SAME_ACCESS);
  else
    file = ::CreateFileW(path.c_str(), GENERIC_READ, share_all, nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) unreadable(name_, "open");
  file_ = reinterpret_cast<std::intptr_t>(file);
}

LineReader::~LineReader() { ::CloseHandle(reinterpret_cast<HANDLE>(file_)); }

bool LineReader::reads_once(const std::filesystem::path& path) {
  if (is_stdin(path)) return ::GetFileType(::GetStdHandle(STD_INPUT_HANDLE)) != FILE_TYPE_DISK;
  // A named pipe would be used up by being opened.
  return path.string().rfind("\\\\.\\pipe\\", 0) == 0;
}

bool LineReader::fill() {
  DWORD n = 0;
  // A pipe whose other end was closed has ended.
  if (!::ReadFile(reinterpret_cast<HANDLE>(file_), buffer_.data(), static_cast<DWORD>(buffer_.size()), &n, nullptr) &&
      ::GetLastError() != ERROR_BROKEN_PIPE)
    unreadable(name_, "read");
  begin_ = 0;
  end_ = n;
  return n > 0;
}

}  // namespace trainer
