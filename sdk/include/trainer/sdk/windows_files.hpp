// SPDX-License-Identifier: Apache-2.0
//
// windows_files.hpp - system_files.hpp on Windows. Its few functions are declared here, as <windows.h> declares them:
// that header has macros of short names (near, small, ERROR, min), which a plugin's own code may use.
#pragma once

#if defined(_WIN32)
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

struct _SECURITY_ATTRIBUTES;
struct _OVERLAPPED;
struct _BY_HANDLE_FILE_INFORMATION;

extern "C" {
__declspec(dllimport) void* __stdcall CreateFileW(const wchar_t*, unsigned long, unsigned long, _SECURITY_ATTRIBUTES*,
                                                  unsigned long, unsigned long, void*);
__declspec(dllimport) int __stdcall CloseHandle(void*);
__declspec(dllimport) int __stdcall WriteFile(void*, const void*, unsigned long, unsigned long*, _OVERLAPPED*);
__declspec(dllimport) int __stdcall FlushFileBuffers(void*);
__declspec(dllimport) unsigned long __stdcall GetFileType(void*);
__declspec(dllimport) int __stdcall GetFileInformationByHandle(void*, _BY_HANDLE_FILE_INFORMATION*);
__declspec(dllimport) unsigned long __stdcall SetFilePointer(void*, long, long*, unsigned long);
__declspec(dllimport) int __stdcall SetEndOfFile(void*);
__declspec(dllimport) int __stdcall MoveFileExW(const wchar_t*, const wchar_t*, unsigned long);
__declspec(dllimport) int __stdcall DeleteFileW(const wchar_t*);
__declspec(dllimport) unsigned long __stdcall GetLastError(void);
__declspec(dllimport) void __stdcall Sleep(unsigned long);
}

namespace trainer::sdk::system_files {

using File = std::intptr_t;
constexpr File no_file = -1;            ///< INVALID_HANDLE_VALUE
constexpr int exclusive = 1, cut = 2;   ///< for open()
constexpr int seconds_of_patience = 1;  ///< virus scanners and readers hold files for moments

struct FileFacts {
  bool regular = false;
  std::uint64_t size = 0, names = 0;
};

/// errno's number of one of the system's, for those that callers and their users tell apart.
inline int code_of(unsigned long error) {
  switch (error) {
    case 2:    // ERROR_FILE_NOT_FOUND
    case 3:    // ERROR_PATH_NOT_FOUND
    case 53:   // ERROR_BAD_NETPATH
    case 67:   // ERROR_BAD_NET_NAME
    case 123:  // ERROR_INVALID_NAME
      return ENOENT;
    case 4:  // ERROR_TOO_MANY_OPEN_FILES
      return EMFILE;
    case 5:   // ERROR_ACCESS_DENIED
    case 32:  // ERROR_SHARING_VIOLATION
    case 33:  // ERROR_LOCK_VIOLATION
      return EACCES;
    case 6:  // ERROR_INVALID_HANDLE
      return EBADF;
    case 8:   // ERROR_NOT_ENOUGH_MEMORY
    case 14:  // ERROR_OUTOFMEMORY
      return ENOMEM;
    case 19:  // ERROR_WRITE_PROTECT
      return EROFS;
    case 39:    // ERROR_HANDLE_DISK_FULL
    case 112:   // ERROR_DISK_FULL
    case 1295:  // ERROR_DISK_QUOTA_EXCEEDED
      return ENOSPC;
    case 80:   // ERROR_FILE_EXISTS
    case 183:  // ERROR_ALREADY_EXISTS
      return EEXIST;
    case 206:  // ERROR_FILENAME_EXCED_RANGE
      return ENAMETOOLONG;
    case 223:  // ERROR_FILE_TOO_LARGE
      return EFBIG;
    case 267:  // ERROR_DIRECTORY
      return ENOTDIR;
    default:
      return EIO;
  }
}

inline int last_code() { return code_of(::GetLastError()); }
inline void* handle_of(File file) { return reinterpret_cast<void*>(file); }

inline File open(const std::filesystem::path& path, int flags) {
  // To append, to write and to see its attributes. Others may read, rename or delete it meanwhile, but this asks for no
  // right to delete it: with that, who opens it as C does could not share it.
  constexpr unsigned long append = 0x4, write = 0x2, attributes = 0x80, wait = 0x100000, share_all = 0x7, normal = 0x80;
  const unsigned long how = (flags & exclusive) != 0 ? 1
                            : (flags & cut) != 0     ? 2
                                                     : 4;  // CREATE_NEW, _ALWAYS, OPEN_ALWAYS
  return reinterpret_cast<File>(
      ::CreateFileW(path.c_str(), append | write | attributes | wait, share_all, nullptr, how, normal, nullptr));
}

inline int close(File file) { return ::CloseHandle(handle_of(file)) != 0 ? 0 : last_code(); }

inline bool facts(File file, FileFacts& found) {
  struct Information {  // BY_HANDLE_FILE_INFORMATION
    unsigned long attributes, times[6], volume, size_high, size_low, names, index_high, index_low;
  } info{};
  found.regular = ::GetFileType(handle_of(file)) == 1;  // FILE_TYPE_DISK
  if (!found.regular) return true;
  if (::GetFileInformationByHandle(handle_of(file), reinterpret_cast<_BY_HANDLE_FILE_INFORMATION*>(&info)) == 0)
    return false;
  found.size = std::uint64_t{info.size_high} << 32 | info.size_low;
  found.names = info.names;
  return true;
}

/// Bytes written before an error; errno's number of that error in `code`, or 0.
inline std::size_t write(File file, std::string_view bytes, int& code) {
  struct Position {  // OVERLAPPED; all ones are the end of the file, whoever else writes to it
    std::uintptr_t internal = 0, internal_high = 0;
    unsigned long offset = 0xFFFFFFFF, offset_high = 0xFFFFFFFF;
    void* event = nullptr;
  };
  constexpr std::size_t piece = std::size_t{1} << 30;
  std::size_t done = 0;
  for (code = 0; done < bytes.size();) {
    Position end;
    const std::size_t left = bytes.size() - done;
    unsigned long n = 0;
    if (::WriteFile(handle_of(file), bytes.data() + done, static_cast<unsigned long>(left < piece ? left : piece), &n,
                    reinterpret_cast<_OVERLAPPED*>(&end)) == 0) {
      code = last_code();
      break;
    }
    done += n;
  }
  return done;
}

inline bool truncate(File file, std::uint64_t size) {
  long high = static_cast<long>(size >> 32);
  ::SetFilePointer(handle_of(file), static_cast<long>(size & 0xFFFFFFFF), &high, 0);  // FILE_BEGIN
  return ::SetEndOfFile(handle_of(file)) != 0;
}

inline bool sync(File file) { return ::FlushFileBuffers(handle_of(file)) != 0; }
inline int pending_code(File) { return 0; }                             // close() says nothing late here
inline bool is_printed(const std::filesystem::path&) { return false; }  // what is open cannot be replaced
inline void take_mode(File, const std::filesystem::path&) {}            // rights come from the directory
inline void remove(const std::filesystem::path& path) { ::DeleteFileW(path.c_str()); }

inline bool rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  constexpr unsigned long replace_and_flush = 0x1 | 0x8, nap = 20;
  for (unsigned long waited = 0; ::MoveFileExW(from.c_str(), to.c_str(), replace_and_flush) == 0; waited += nap) {
    if (last_code() != EACCES || waited >= seconds_of_patience * 1000) return false;
    ::Sleep(nap);
  }
  return true;
}

}  // namespace trainer::sdk::system_files
#endif
