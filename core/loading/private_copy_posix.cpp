// SPDX-License-Identifier: Apache-2.0
#include "loading/private_copy.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/sha256.hpp"
#include "discovery/library_reader.hpp"
#include "discovery/plugin_trust.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t piece = 1 << 20;

[[noreturn]] void fail(const fs::path& file) {
  throw_usage(error_id::plugin_copy_failed, file.string() + " could not be copied to load it: " + std::strerror(errno) +
                                                "; free some memory, or set TMPDIR to a writable directory");
}

void write_all(int descriptor, std::string_view bytes, const fs::path& file) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(descriptor, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno != EINTR) fail(file);
    if (n > 0) done += static_cast<std::size_t>(n);
  }
}

// `ulimit -f` holds for files in memory too, and who writes past it is killed.
bool may_be_written(std::uint64_t size) {
  rlimit limit{};
  return ::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur;
}

void seal([[maybe_unused]] int descriptor) {
#if defined(__linux__)
  ::fcntl(descriptor, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
#endif
}

fs::path path_of(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }
bool readable(const fs::path& path) { return ::access(path.c_str(), R_OK) == 0; }

}  // namespace

PrivateCopy::PrivateCopy(const fs::path& file, Of what) {
  const InputFile in(file, what == Of::library ? InputFile::Links::followed : InputFile::Links::refused);
  require_library_size(in);
  distrust_ = in.distrust();
  const bool itself = loads_files_themselves(), copied = !itself && may_be_written(in.size());
  if (itself) {
    path_ = fs::absolute(file);
  } else if (copied) {
    open_copy(file);
  } else {
    log::warning(file.string() +
                 " is loaded from its own file and not from a copy, since no file may be that large "
                 "(ulimit -f); do not overwrite it while this program runs");
    descriptor_ = ::fcntl(static_cast<int>(in.descriptor()), F_DUPFD_CLOEXEC, 0);
    if (descriptor_ < 0) fail(file);
    path_ = path_of(static_cast<int>(descriptor_));
    if (!readable(path_)) path_ = fs::absolute(file);
  }
  Sha256 digest;
  for (std::uint64_t done = 0; done < in.size(); done += piece) {
    const std::string bytes = in.read(done, std::min(piece, in.size() - done));
    digest.add(bytes);
    if (copied) write_all(static_cast<int>(descriptor_), bytes, file);
  }
  sha256_ = digest.hex();
  if (copied) seal(static_cast<int>(descriptor_));
}

PrivateCopy::PrivateCopy(std::string_view bytes, const std::string& name) {
  if (!may_be_written(bytes.size())) {
    errno = EFBIG;
    fail(name);
  }
  open_copy(name);
  Sha256 digest;
  digest.add(bytes);
  sha256_ = digest.hex();
  write_all(static_cast<int>(descriptor_), bytes, name);
  seal(static_cast<int>(descriptor_));
}

void PrivateCopy::open_copy(const fs::path& file) {
#if defined(__linux__)
  // A file in memory that is sealed when it is whole. Its descriptor is open as long as this object:
  // a number that is used again would be a name that the loader knows.
  descriptor_ = ::memfd_create(file.filename().c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor_ >= 0) path_ = path_of(static_cast<int>(descriptor_));
#endif
  if (descriptor_ >= 0 && readable(path_)) return;
  if (descriptor_ >= 0) ::close(static_cast<int>(descriptor_));  // no such call, or no /proc
  std::string pattern = (fs::temp_directory_path() / "trainer_plugin.XXXXXX").string();
  if (!::mkdtemp(pattern.data())) fail(file);
  directory_ = pattern;
  path_ = directory_ / "copy";
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor_ < 0) fail(file);
}

PrivateCopy::~PrivateCopy() {
  if (descriptor_ >= 0) ::close(static_cast<int>(descriptor_));
  if (directory_.empty()) return;
  ::unlink(path_.c_str());
  ::rmdir(directory_.c_str());
}

}  // namespace trainer
