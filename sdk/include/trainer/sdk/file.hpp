// SPDX-License-Identifier: Apache-2.0
//
// file.hpp - files that a plugin can leave at any moment without half of anything in them.
//
//   AppendFile log = AppendFile::open("out/metrics.txt");
//   log.append("one whole record\n");            // all of it, or nothing and a FileError
//   Replacement next("out/table.txt");           // writes out/table.txt.tmp
//   next.append(header), next.append(rows);
//   AppendFile table = next.commit();            // fsync and rename: readers see the old or the
//   new
//
// Not part of sdk.hpp: include it by name. What it asks of the system is in system_files.hpp, and paths of text in
// path.hpp. One thread per object; two processes must not share a file.
#pragma once

#include <trainer/sdk/path.hpp>
#include <trainer/sdk/system_files.hpp>
#include <utility>

namespace trainer::sdk {

/// Throws for a file that is not the plugin's own to write: what the run prints to, a device, a pipe.
inline void require_own_file(const std::filesystem::path& path) {
  if (system_files::is_printed(path))
    throw FileError(text_of(path) + " is where the run's output is printed; name another file", EINVAL);
  std::error_code none;
  if (const auto there = std::filesystem::status(path, none);
      std::filesystem::exists(there) && !std::filesystem::is_regular_file(there))
    throw FileError(text_of(path) + " is not a regular file; name another one", EINVAL);
}

/// A file that only grows, by whole records. Move-only.
class AppendFile {
 public:
  AppendFile() = default;

  /// A new file; FileError with code() EEXIST when there is one of that name.
  static AppendFile create(const std::filesystem::path& path) { return AppendFile(path, system_files::exclusive); }
  /// The file, made when missing. Refuses what is not a regular file.
  static AppendFile open(const std::filesystem::path& path) { return AppendFile(path, 0); }

  AppendFile(AppendFile&& other) noexcept { *this = std::move(other); }
  AppendFile& operator=(AppendFile&& other) noexcept {
    std::swap(file_, other.file_), std::swap(path_, other.path_), std::swap(size_, other.size_);
    std::swap(has_name_, other.has_name_);
    return *this;
  }
  ~AppendFile() {
    if (is_open()) system_files::close(file_);
  }

  bool is_open() const { return file_ != system_files::no_file; }
  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size() const { return size_; }  ///< bytes; always after a whole record

  /// One write(2) for everything given. When it does not fit, what was written of it is taken back,
  /// and a FileError thrown: the file then ends as it did before the call. Allocates nothing.
  void append(std::string_view records) {
    require_name();
    int code = 0;
    const std::size_t done = system_files::write(file_, records, code);
    if (code != 0) give_up(done, code);
    size_ += done;
  }

  /// Cuts the file at `size` bytes.
  void truncate(std::uint64_t size) {
    if (!system_files::truncate(file_, size)) system_files::fail(path_, "could not be cut", system_files::last_code());
    size_ = size;
  }

  /// Throws when the file was removed after it was opened: nobody can read what is written then.
  void require_name() const {
    system_files::FileFacts now;
    if (has_name_ && system_files::facts(file_, now) && now.names == 0)
      throw FileError(
          text_of(path_) + " was removed while it was written; leave the directories of a run until it ends", ENOENT);
  }

  /// Throws what close() would: a quota or a network file system may say only then that there is no room. And when
  /// the file was removed.
  void flush() const {
    require_name();
    if (const int code = system_files::pending_code(file_); code != 0)
      system_files::fail(path_, "could not be written to its end", code);
  }

  /// Waits until the disk has everything.
  void sync() {
    if (!system_files::sync(file_))
      system_files::fail(path_, "could not be flushed to the disk", system_files::last_code());
    flush();
  }

  /// Throws when the system says only now that something could not be written. The destructor is silent.
  void close() {
    if (!is_open()) return;
    if (const int code = system_files::close(std::exchange(file_, system_files::no_file)); code != 0)
      system_files::fail(path_, "could not be written to its end", code);
  }

 private:
  friend class Replacement;

  AppendFile(const std::filesystem::path& path, int flags) : path_(path) {
    if (system_files::is_printed(path)) require_own_file(path);
    file_ = system_files::open(path, flags);
    if (!is_open()) system_files::fail(path, "could not be opened for writing", system_files::last_code());
    system_files::FileFacts found;
    if (!system_files::facts(file_, found) || !found.regular) {
      system_files::close(std::exchange(file_, system_files::no_file));
      throw FileError(text_of(path) + " is not a regular file; name another one", EINVAL);
    }
    size_ = found.size;
    has_name_ = found.names > 0;  // some file systems do not count
  }

  [[noreturn]] void give_up(std::size_t done, int code) {
    const bool whole = done == 0 || system_files::truncate(file_, size_);
    system_files::fail(path_,
                       whole ? "could not be written (it still ends in its last whole record)"
                             : "could not be written (its last record is incomplete)",
                       code);
  }

  system_files::File file_ = system_files::no_file;
  std::filesystem::path path_;
  std::uint64_t size_ = 0;
  bool has_name_ = false;
};

/// The next content of a file, written beside it as PATH.tmp; FileError where require_own_file() throws. Without
/// commit() nothing changes, and the temporary file goes. Where several processes may replace one file, each has a
/// `suffix` of its own.
class Replacement {
 public:
  explicit Replacement(const std::filesystem::path& path, const std::string& suffix = ".tmp")
      : path_((require_own_file(path), path)), temporary_(beside(path, suffix)), file_(temporary_, system_files::cut) {
    system_files::take_mode(file_.file_, path);
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;
  ~Replacement() {
    if (!file_.is_open()) return;
    file_ = AppendFile();  // closed first: Windows removes nothing that is open
    system_files::remove(temporary_);
  }

  void append(std::string_view bytes) { file_.append(bytes); }

  /// Flushes to the disk and renames; gives the new file, open at its end. Call once.
  AppendFile commit() {
    file_.sync();
    if (!system_files::rename(temporary_, path_))
      system_files::fail(temporary_, "could not be renamed to " + text_of(path_), system_files::last_code());
    file_.path_ = path_;
    return std::move(file_);
  }

 private:
  static std::filesystem::path beside(std::filesystem::path path, const std::string& suffix) {
    return path += path_of(suffix);
  }

  std::filesystem::path path_, temporary_;
  AppendFile file_;
};

/// Replaces the whole file at once, or makes it.
inline void replace_file(const std::filesystem::path& path, std::string_view bytes,
                         const std::string& suffix = ".tmp") {
  Replacement next(path, suffix);
  next.append(bytes);
  next.commit();
}

/// Makes the directory and those above it; a FileError says why it cannot be.
inline void make_directory(const std::filesystem::path& path) {
  // "a/." is a. MinGW's library takes the devices' "\\.\" for such a name, and crashes where it is not there.
  std::filesystem::path named = path;
  while (named.has_relative_path() && (!named.has_filename() || named.filename() == ".")) named = named.parent_path();
  std::error_code error, ignored;
  std::filesystem::create_directories(named, error);
  // create_directories reports a trailing slash, or a link to a directory, as an error in some
  // libraries.
  if (error && !std::filesystem::is_directory(path, ignored))
    system_files::fail(path, "could not be made a directory", error);
}

}  // namespace trainer::sdk
