// SPDX-License-Identifier: Apache-2.0
//
// A lock of Windows keeps others from the bytes that are locked: it is one byte far behind the record, which everybody
// may read. The file is deleted through the handle that has the lock, so that it is never another training's.
#include "base/windows.hpp"

#include <map>
#include <mutex>
#include <utility>

#include "base/directory_lock.hpp"
#include "base/directory_lock_record.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace fs = std::filesystem;

/// Those of this process, by volume and number of their directories.
struct DirectoryLocks {
  std::mutex mutex;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::weak_ptr<DirectoryLock>> held;

  static DirectoryLocks& instance() {
    static auto* const locks = new DirectoryLocks;
    return *locks;
  }
};

namespace {

constexpr DWORD lock_at_high = 1u << 30;

enum class LockOutcome { yes, by_another, impossible };

HANDLE lock_handle(std::intptr_t descriptor) { return reinterpret_cast<HANDLE>(descriptor); }

LockOutcome lock_file(HANDLE file) {
  OVERLAPPED at{};
  at.OffsetHigh = lock_at_high;
  if (::LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)) return LockOutcome::yes;
  const DWORD error = ::GetLastError();
  return error == ERROR_LOCK_VIOLATION || error == ERROR_IO_PENDING ? LockOutcome::by_another : LockOutcome::impossible;
}

LockHolder lock_holder(HANDLE file) {
  char bytes[1024];
  OVERLAPPED at{};
  DWORD size = 0;
  return ::ReadFile(file, bytes, sizeof bytes, &size, &at) ? read_lock_record({bytes, size}) : LockHolder();
}

// What does not fit on the disk names nobody, and locks all the same.
void write_lock_record(HANDLE file) {
  const LARGE_INTEGER begin{};
  if (::SetFilePointerEx(file, begin, nullptr, FILE_BEGIN) && ::SetEndOfFile(file))
    windows::write_all(file, lock_record());
}

windows::Handle open_lock(const fs::path& file, DWORD access, DWORD how) {
  return windows::Handle(::CreateFileW(file.c_str(), access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                       nullptr, how, FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT, nullptr));
}

}  // namespace

std::shared_ptr<DirectoryLock> DirectoryLock::take(const fs::path& directory) {
  auto& locks = DirectoryLocks::instance();
  const std::lock_guard guard(locks.mutex);
  const windows::Handle opened(::CreateFileW(directory.c_str(), FILE_READ_ATTRIBUTES,
                                             FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                             OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, nullptr));
  BY_HANDLE_FILE_INFORMATION info{};
  if (!opened || !::GetFileInformationByHandle(opened.get(), &info))
    throw_run(error_id::directory_unusable, "output_dir " + directory.string() + " cannot be looked at: " +
                                                windows::last_message() + "; make it, or name another one");
  const std::uint64_t number = std::uint64_t{info.nFileIndexHigh} << 32 | info.nFileIndexLow;
  auto& held = locks.held[{info.dwVolumeSerialNumber, number}];
  auto lock = held.lock();
  if (!lock) held = lock = std::shared_ptr<DirectoryLock>(new DirectoryLock(directory));
  return lock;
}

DirectoryLock::DirectoryLock(fs::path directory) : directory_(std::move(directory)) {
  std::error_code ignored;
  file_ = fs::absolute(directory_ / file_name, ignored);  // the current directory may change
  constexpr int most_naps = 20;
  constexpr DWORD nap_ms = 10;
  for (int naps = 0;;) {
    windows::Handle opened;
    // One that is being deleted cannot be opened, nor made anew, until its last handle is gone.
    if (!windows::repeat([&] {
          opened = open_lock(file_, GENERIC_READ | GENERIC_WRITE | DELETE, OPEN_ALWAYS);
          return static_cast<bool>(opened);
        })) {
      const std::string reason = windows::last_message();
      if (const std::string who = holder(directory_); !who.empty()) refuse_second_training(directory_, who);
      warn_unlocked(directory_, reason);
      return;
    }
    const LockOutcome locked = lock_file(opened.get());
    const std::string reason = windows::last_message();
    const LockHolder who = locked == LockOutcome::yes ? LockHolder() : lock_holder(opened.get());
    // Its record may be still to come.
    if (locked == LockOutcome::by_another && !who.may_be_alive() && naps < most_naps) {
      opened.close();
      ::Sleep(nap_ms);
      ++naps;
      continue;
    }
    if (locked == LockOutcome::by_another || who.is_alive_here()) refuse_second_training(directory_, who.in_words());
    if (locked == LockOutcome::impossible) warn_unlocked(directory_, reason);
    write_lock_record(opened.get());
    descriptor_ = reinterpret_cast<std::intptr_t>(opened.release());
    return;
  }
}

std::string DirectoryLock::holder(const fs::path& directory) {
  const auto opened = open_lock(directory / file_name, GENERIC_READ, OPEN_EXISTING);
  if (!opened) return {};
  const LockHolder who = lock_holder(opened.get());
  const LockOutcome locked = lock_file(opened.get());  // given back at once, with the handle
  const bool in_use = locked == LockOutcome::by_another ? who.pid != ::GetCurrentProcessId() : who.is_alive_here();
  return in_use ? who.in_words() : std::string();
}

DirectoryLock::~DirectoryLock() {
  if (descriptor_ == -1) return;
  const windows::Handle opened(lock_handle(descriptor_));
  FILE_DISPOSITION_INFO gone{};
  gone.DeleteFile = TRUE;
  ::SetFileInformationByHandle(opened.get(), FileDispositionInfo, &gone, sizeof gone);
}

}  // namespace trainer
