// SPDX-License-Identifier: Apache-2.0
#include "formats/file_reader.hpp"

namespace trainer {

std::string FileReader::read(std::uint64_t at, std::uint64_t bytes) const {
  if (at > size_ || bytes > size_ - at)
    role_.fail(name_ + ": found " + std::to_string(size_) + " bytes, expected " + std::to_string(bytes) + " from " +
               std::to_string(at));
  std::string out(bytes, '\0');
  read(at, out.data(), bytes);
  return out;
}

}  // namespace trainer
