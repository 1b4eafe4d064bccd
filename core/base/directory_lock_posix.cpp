// SPDX-License-Identifier: Apache-2.0
//
// The lock is fcntl()'s, because NFS, SMB and Lustre (mounted with flock) pass it on to their server, which drops it
// with the client; flock()'s stays on one host in some of them. It belongs to the open file and not to the process,
// whose own would go with any other descriptor of the file that somebody closes. A process that is forked off would
// keep it alive, and closes it at once; a program that is started never gets it.
#include "base/directory_lock.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "base/directory_lock_record.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace fs = std::filesystem;

/// Those of this process, by device and inode of their directories.
struct DirectoryLocks {
  std::mutex mutex;
  std::map<std::pair<dev_t, ino_t>, std::weak_ptr<DirectoryLock>> held;

  static DirectoryLocks& instance() {
    static DirectoryLocks* const locks = [] {
      ::pthread_atfork([] { instance().mutex.lock(); }, [] { instance().mutex.unlock(); }, close_in_child);
      return new DirectoryLocks;  // never destroyed: a fork may come at any time
    }();
    return *locks;
  }

  static void close_in_child() {
    for (const auto& [key, weak] : instance().held)
      if (const auto lock = weak.lock()) ::close(static_cast<int>(std::exchange(lock->descriptor_, -1)));
    instance().held.clear();
    instance().mutex.unlock();
  }
};

namespace {

enum class LockOutcome { yes, by_another, impossible };

#if defined(F_OFD_SETLK)
constexpr int set_lock = F_OFD_SETLK, get_lock = F_OFD_GETLK;
#else
constexpr int set_lock = F_SETLK, get_lock = F_GETLK;
#endif

// Asks for all of the file, to write.
bool ask_lock(int descriptor, int command, struct flock& whole) {
  whole = {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  return ::fcntl(descriptor, command, &whole) == 0;
}

LockOutcome lock_file(int descriptor) {
  struct flock whole;
  if (ask_lock(descriptor, set_lock, whole)) return LockOutcome::yes;
  return errno == EAGAIN || errno == EACCES ? LockOutcome::by_another : LockOutcome::impossible;
}

// A training that ends removes its file, and another one may have made its own by now.
bool is_at(int descriptor, const fs::path& path) {
  struct stat ours {
  }, there{};
  return ::fstat(descriptor, &ours) == 0 && ::lstat(path.c_str(), &there) == 0 && ours.st_dev == there.st_dev &&
         ours.st_ino == there.st_ino;
}

LockHolder lock_holder(int descriptor) {
  char bytes[1024];
  const ssize_t size = ::pread(descriptor, bytes, sizeof bytes, 0);
  return size <= 0 ? LockHolder() : read_lock_record({bytes, static_cast<std::size_t>(size)});
}

void write_lock_record(int descriptor) {
  const std::string record = lock_record();
  // What does not fit on the disk names nobody, and locks all the same.
  if (::ftruncate(descriptor, 0) == 0 && ::pwrite(descriptor, record.data(), record.size(), 0) < 0) return;
}

// Whether another open file has the lock; for a file that may only be read, too.
bool is_locked(int descriptor) {
  struct flock whole;
  return ask_lock(descriptor, get_lock, whole) && whole.l_type != F_UNLCK;
}

}  // namespace

std::shared_ptr<DirectoryLock> DirectoryLock::take(const fs::path& directory) {
  auto& locks = DirectoryLocks::instance();
  const std::lock_guard guard(locks.mutex);
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0)
    throw_run(error_id::directory_unusable, "output_dir " + directory.string() + " cannot be looked at: " +
                                                std::strerror(errno) + "; make it, or name another one");
  auto& held = locks.held[{info.st_dev, info.st_ino}];
  auto lock = held.lock();
  if (!lock) held = lock = std::shared_ptr<DirectoryLock>(new DirectoryLock(directory));
  return lock;
}

DirectoryLock::DirectoryLock(fs::path directory) : directory_(std::move(directory)) {
  std::error_code ignored;
  file_ = fs::absolute(directory_ / file_name, ignored);  // the current directory may change
  constexpr int most_naps = 20, nap_ms = 10;
  for (int naps = 0;;) {
    const int opened = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0666);
    if (opened < 0) {  // another user's file still says who trains here
      const std::string reason = std::strerror(errno);
      if (const std::string who = holder(directory_); !who.empty()) refuse_second_training(directory_, who);
      warn_unlocked(directory_, reason);
      return;
    }
    const LockOutcome locked = lock_file(opened);
    const std::string reason = std::strerror(errno);
    const LockHolder who = locked == LockOutcome::yes ? LockHolder() : lock_holder(opened);
    // Its record may be still to come, or be that of one that was killed while it forked.
    const bool settles = locked == LockOutcome::by_another && !who.may_be_alive() && naps < most_naps;
    if (settles || (locked == LockOutcome::yes && !is_at(opened, file_))) {
      ::close(opened);
      if (settles) ::poll(nullptr, 0, nap_ms), ++naps;
      continue;
    }
    if (locked == LockOutcome::by_another || who.is_alive_here()) {
      ::close(opened);
      refuse_second_training(directory_, who.in_words());
    }
    if (locked == LockOutcome::impossible) warn_unlocked(directory_, reason);
    write_lock_record(opened);
    descriptor_ = opened;
    return;
  }
}

std::string DirectoryLock::holder(const fs::path& directory) {
  const int opened = ::open((directory / file_name).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (opened < 0) return {};
  const LockHolder who = lock_holder(opened);
  const bool in_use = is_locked(opened) ? who.pid != ::getpid() : who.is_alive_here();
  ::close(opened);
  return in_use ? who.in_words() : std::string();
}

DirectoryLock::~DirectoryLock() {
  if (descriptor_ < 0) return;
  const int opened = static_cast<int>(descriptor_);
  if (is_at(opened, file_)) ::unlink(file_.c_str());
  ::close(opened);
}

}  // namespace trainer
