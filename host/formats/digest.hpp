// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace trainer {

/// XXH3 (64 bits) of bytes that come piece by piece. It tells a damaged file, not a forged one.
class Digest {
 public:
  Digest();
  ~Digest();
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;
  void add(std::string_view bytes);
  std::uint64_t bytes() const { return bytes_; }
  std::string hex() const;  ///< 16 digits

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::uint64_t bytes_ = 0;
};

/// Of some bytes, and of a file, which is read as it goes.
std::string digest_of(std::string_view bytes);
std::string digest_of_file(const std::filesystem::path& path);

}  // namespace trainer
