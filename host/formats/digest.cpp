// SPDX-License-Identifier: Apache-2.0
#include "formats/digest.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <vector>

#include "formats/file_reader.hpp"

namespace trainer {

struct Digest::State {
  XXH3_state_t xxh3;
};

Digest::Digest() : state_(std::make_unique<State>()) {
  XXH3_INITSTATE(&state_->xxh3);
  XXH3_64bits_reset(&state_->xxh3);
}

Digest::~Digest() = default;

void Digest::add(std::string_view bytes) {
  XXH3_64bits_update(&state_->xxh3, bytes.data(), bytes.size());
  bytes_ += bytes.size();
}

std::string Digest::hex() const {
  const std::uint64_t value = XXH3_64bits_digest(&state_->xxh3);
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[value >> shift & 15];
  return out;
}

std::string digest_of(std::string_view bytes) {
  Digest digest;
  digest.add(bytes);
  return digest.hex();
}

std::string digest_of_file(const std::filesystem::path& path) {
  const FileReader file(path);
  Digest digest;
  std::vector<char> piece(std::size_t{1} << 18);  // stays in the processor's cache
  for (std::uint64_t at = 0; at < file.size(); at += piece.size()) {
    const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), file.size() - at));
    file.read(at, piece.data(), bytes);
    digest.add({piece.data(), bytes});
  }
  return digest.hex();
}

}  // namespace trainer
