// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace trainer {

/// SHA-256 of bytes that come piece by piece (OpenSSL's, on Windows the system's).
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void add(std::string_view bytes);
  std::string hex();  ///< 64 digits, once

 private:
  void* context_;  // the system's own
};

}  // namespace trainer
