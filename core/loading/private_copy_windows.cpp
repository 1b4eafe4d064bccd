// SPDX-License-Identifier: Apache-2.0
//
// There is no memory that a library could be loaded from, and a file that is loaded cannot be deleted. So a copy is
// named by its bytes, in a directory of the user's own: it is made once, is checked each time, and is taken away when
// nothing has used it for long. Its handle keeps everybody from writing to it while this object lives.
#include "base/windows.hpp"

#include <algorithm>
#include <chrono>

#include "base/sha256.hpp"
#include "discovery/library_reader.hpp"
#include "discovery/platform.hpp"
#include "discovery/plugin_trust.hpp"
#include "loading/private_copy.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t piece = 1 << 20;
constexpr auto kept = std::chrono::hours(24 * 30);

[[noreturn]] void fail(const fs::path& file, DWORD error) {
  throw_usage(error_id::plugin_copy_failed, file.string() +
                                                " could not be copied to load it: " + windows::message(error) +
                                                "; see to a writable LOCALAPPDATA, or set TRAINER_CACHE_DIR");
}

// Of memory, as of an InputFile.
struct Bytes {
  std::string_view bytes;
  std::uint64_t size() const { return bytes.size(); }
  std::string_view read(std::uint64_t offset, std::uint64_t count) const { return bytes.substr(offset, count); }
};

template <typename In>
std::string digest_of(const In& in) {
  Sha256 digest;
  for (std::uint64_t done = 0; done < in.size(); done += piece)
    digest.add(in.read(done, std::min(piece, in.size() - done)));
  return digest.hex();
}

// When it was last used: that of a library is the time of the file in its directory.
fs::file_time_type last_used(const fs::directory_entry& entry) {
  std::error_code ec;
  auto newest = entry.last_write_time(ec);
  if (ec) return fs::file_time_type::clock::now();  // somebody else's, or gone
  if (entry.is_directory(ec))
    for (const auto& file : fs::directory_iterator(entry.path(), ec))
      newest = std::max(newest, file.last_write_time(ec));
  return newest;
}

// Once in a process. What is in use stays: it cannot be deleted.
void sweep(const fs::path& directory) {
  static const bool done = [&] {
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator(directory, ec))
      if (fs::file_time_type::clock::now() - last_used(entry) > kept) fs::remove_all(entry.path(), ec);
    return true;
  }();
  (void)done;
}

// Another process may have been faster: then its file is as good.
template <typename In>
void write_copy(const In& in, const fs::path& copy, const fs::path& file) {
  fs::path temporary = copy;
  temporary += "." + std::to_string(::GetCurrentProcessId()) + "." + std::to_string(::GetCurrentThreadId()) + ".tmp";
  windows::Handle out(
      ::CreateFileW(temporary.c_str(), GENERIC_WRITE, 0, nullptr, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr));
  if (!out) fail(file, ::GetLastError());
  for (std::uint64_t done = 0; done < in.size(); done += piece) {
    if (windows::write_all(out.get(), in.read(done, std::min(piece, in.size() - done)))) continue;
    const DWORD error = ::GetLastError();
    out.close();
    ::DeleteFileW(temporary.c_str());
    fail(file, error);
  }
  out.close();
  if (!::MoveFileExW(temporary.c_str(), copy.c_str(), MOVEFILE_REPLACE_EXISTING)) ::DeleteFileW(temporary.c_str());
}

fs::path copies() {
  const fs::path cache = platform::user_cache_directory();
  fs::path directory = (cache.empty() ? fs::temp_directory_path() / "libtrainer" : cache) / "loaded";
  std::error_code ec;
  fs::create_directories(directory, ec);
  sweep(directory);
  return directory;
}

// The handle that keeps the copy at `path` as it is.
template <typename In>
std::intptr_t keep_copy(const In& in, const std::string& sha256, const fs::path& path, const fs::path& file) {
  std::error_code ec;
  fs::create_directories(path.parent_path(), ec);
  for (int tries = 0; tries < 2; ++tries) {
    if (auto opened = windows::open_to_read(path, false); opened) {
      const InputFile copy(path, file.string());
      if (copy.size() == in.size() && digest_of(copy) == sha256) {
        fs::last_write_time(path, fs::file_time_type::clock::now(), ec);  // it is in use
        return reinterpret_cast<std::intptr_t>(opened.release());
      }
      log::warning(path.string() + " was changed by somebody, and is made again");
    }
    write_copy(in, path, file);
  }
  fail(file, ERROR_SHARING_VIOLATION);
}

}  // namespace

PrivateCopy::PrivateCopy(const fs::path& file, Of what) {
  const InputFile in(file, what == Of::library ? InputFile::Links::followed : InputFile::Links::refused);
  require_library_size(in);
  distrust_ = in.distrust();
  sha256_ = digest_of(in);
  if (loads_files_themselves()) {
    path_ = fs::absolute(file);
    return;
  }
  directory_ = copies();
  // Two plugins of one file name are two modules; a library is looked for by its file's name.
  path_ = what == Of::plugin ? directory_ / (sha256_ + ".dll") : directory_ / sha256_ / file.filename();
  descriptor_ = keep_copy(in, sha256_, path_, file);
}

PrivateCopy::PrivateCopy(std::string_view bytes, const std::string& name) {
  const Bytes in{bytes};
  sha256_ = digest_of(in);
  directory_ = copies();
  path_ = directory_ / (sha256_ + ".dll");
  descriptor_ = keep_copy(in, sha256_, path_, name);
}

PrivateCopy::~PrivateCopy() {
  if (descriptor_ != -1) ::CloseHandle(reinterpret_cast<HANDLE>(descriptor_));
}

}  // namespace trainer
