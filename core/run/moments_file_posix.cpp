// SPDX-License-Identifier: Apache-2.0
#include "run/moments_file.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>

namespace trainer::moments_file {
namespace {

char path[4096];  // empty: there is none
int descriptor = -1;
pid_t owner = 0;

bool lay_memory() noexcept {
  return ::mmap(&moments, sizeof moments, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
         MAP_FAILED;
}

// The moments go on as plain memory. What another thread writes in between is lost, until its next call.
void leave_file() noexcept {
  char copy[sizeof moments];
  std::memcpy(copy, &moments, sizeof moments);
  if (lay_memory()) std::memcpy(static_cast<void*>(&moments), copy, sizeof moments);
  ::close(descriptor);
  descriptor = -1;
  path[0] = 0;
}

// A process that is forked off must not write into the moments of this one, nor keep their lock.
void leave_in_child() {
  if (descriptor >= 0) leave_file();
}

std::optional<LastCall> read_last_call(int from) {
  const auto left = std::make_unique<Moments>();
  if (::pread(from, static_cast<void*>(left.get()), sizeof *left, 0) != static_cast<ssize_t>(sizeof *left) ||
      std::memcmp(left->magic, moments.magic, sizeof left->magic) != 0)
    return {};
  for (const Moment& moment : left->of) {
    const std::uint32_t callback = moment.callback;
    if (moment.taken == 0 || !left->can_end_process(callback) || moment.watched == Watched::no_more) continue;
    return LastCall{std::string(left->name_of(callback)), std::string(name_of_call(moment.call)), moment.step};
  }
  return {};
}

}  // namespace

std::optional<LastCall> keep_in(const std::filesystem::path& directory) {
  std::error_code error;
  const auto file = std::filesystem::absolute(directory / file_name, error).string();
  if (error || file.size() >= sizeof path || file == path) return {};
  if (descriptor >= 0) {
    remove();
    leave_file();
  }
  if (reinterpret_cast<std::uintptr_t>(&moments) % static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE)) != 0) return {};
  const int low = ::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
  // Out of the way of plugins that write to a descriptor which they take for theirs.
  const int opened = low < 0 ? -1 : ::fcntl(low, F_DUPFD_CLOEXEC, 64);
  if (low >= 0) ::close(low);
  if (opened < 0) return {};
  if (::flock(opened, LOCK_EX | LOCK_NB) != 0) {
    ::close(opened);
    return {};
  }
  auto last = read_last_call(opened);
  // Written in full first, so that no later store has to wait for room on the disk.
  const bool whole = ::ftruncate(opened, 0) == 0 &&
                     ::pwrite(opened, static_cast<const void*>(&moments), sizeof moments, 0) == sizeof moments;
  if (!whole ||
      ::mmap(&moments, sizeof moments, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, opened, 0) == MAP_FAILED) {
    ::unlink(file.c_str());
    ::close(opened);
    return last;
  }
  static const int prepared = ::pthread_atfork(nullptr, nullptr, leave_in_child);
  (void)prepared;
  descriptor = opened;
  owner = ::getpid();
  std::memcpy(path, file.c_str(), file.size() + 1);
  return last;
}

void remove() noexcept {
  if (path[0] && owner == ::getpid()) ::unlink(path);
}

bool mend(const void* address) noexcept {
  const auto* begin = reinterpret_cast<const char*>(&moments);
  const auto* at = static_cast<const char*>(address);
  if (descriptor < 0 || at < begin || at >= begin + sizeof moments || !lay_memory()) return false;
  for (Moment& moment : moments.of) moment.taken = 1;  // nobody knows any more which are
  moments.names = Moments::most_names;
  return true;
}

}  // namespace trainer::moments_file
