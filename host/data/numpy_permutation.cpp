// SPDX-License-Identifier: Apache-2.0
//
// The default generator of NumPy: PCG64, seeded by a SeedSequence, and its shuffle.
#include "data/numpy_permutation.hpp"

#include <array>
#include <bit>
#include <numeric>
#include <utility>

namespace trainer {
namespace {

__extension__ using Uint128 = unsigned __int128;

Uint128 wide(std::uint64_t high, std::uint64_t low) { return static_cast<Uint128>(high) << 64 | low; }

// Of a seed alone, without a spawn key: four numbers of 64 bits.
std::array<std::uint64_t, 4> seed_sequence(std::uint64_t seed) {
  const auto folded = [](std::uint32_t x) { return x ^ x >> 16; };
  std::uint32_t constant = 0x43b0d7e5;
  const auto hashed = [&](std::uint32_t x) {
    x ^= constant;
    constant *= 0x931e8875;
    return folded(x * constant);
  };
  std::array<std::uint32_t, 4> pool{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32), 0, 0};
  for (auto& word : pool) word = hashed(word);
  for (std::size_t from = 0; from < pool.size(); ++from)
    for (std::size_t to = 0; to < pool.size(); ++to)
      if (from != to) pool[to] = folded(0xca01f9dd * pool[to] - 0x4973f715 * hashed(pool[from]));
  constant = 0x8b51f9dd;
  std::array<std::uint64_t, 4> out{};
  for (std::size_t i = 0; i < 8; ++i) {
    std::uint32_t word = pool[i % 4] ^ constant;
    constant *= 0x58f38ded;
    out[i / 2] |= static_cast<std::uint64_t>(folded(word * constant)) << 32 * (i % 2);
  }
  return out;
}

class Pcg64 {
 public:
  explicit Pcg64(std::uint64_t seed) {
    const auto words = seed_sequence(seed);
    increment_ = wide(words[2], words[3]) << 1 | 1;
    state_ = increment_ + wide(words[0], words[1]);
    step();
  }

  std::uint32_t next32() {
    if (std::exchange(has_kept_, false)) return kept_;
    step();
    const auto high = static_cast<std::uint64_t>(state_ >> 64);
    const std::uint64_t word = std::rotr(high ^ static_cast<std::uint64_t>(state_), static_cast<int>(high >> 58));
    kept_ = static_cast<std::uint32_t>(word >> 32);
    has_kept_ = true;
    return static_cast<std::uint32_t>(word);
  }

  // 0 to `most`, both included.
  std::uint32_t below(std::uint32_t most) {
    const std::uint32_t mask = ~std::uint32_t{0} >> std::countl_zero(most);
    while (true)
      if (const std::uint32_t drawn = next32() & mask; drawn <= most) return drawn;
  }

 private:
  void step() { state_ = state_ * wide(2549297995355413924, 4865540595714422341) + increment_; }

  Uint128 state_ = 0, increment_ = 0;
  std::uint32_t kept_ = 0;  // the second half of the last number of 64 bits
  bool has_kept_ = false;
};

}  // namespace

std::vector<std::int64_t> numpy_permutation(std::uint64_t seed, std::int64_t count) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(count));
  std::iota(out.begin(), out.end(), 0);
  Pcg64 generator(seed);
  for (std::size_t i = out.size(); i-- > 1;) std::swap(out[i], out[generator.below(static_cast<std::uint32_t>(i))]);
  return out;
}

}  // namespace trainer
