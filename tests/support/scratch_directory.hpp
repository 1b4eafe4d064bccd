// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>

namespace trainer::test {

/// A new directory that goes with the object.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(const std::filesystem::path& parent = std::filesystem::temp_directory_path()) {
    do (path_ = parent / name) += std::to_string(std::random_device()());
    while (!std::filesystem::create_directory(path_));  // throws when there can be none
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
#if defined(_WIN32)  // letters that no code page has together
  static constexpr const wchar_t* name = L"tr\u00e1iner \u20ac \u5b66 ";
#else
  static constexpr const char* name = "trainer-test-";
#endif
  std::filesystem::path path_;
};

inline std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream all;
  all << in.rdbuf();
  return all.str();
}

inline void write(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

}  // namespace trainer::test
