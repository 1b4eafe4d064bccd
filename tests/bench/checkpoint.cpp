// SPDX-License-Identifier: Apache-2.0
//
// Writing and reading a checkpoint's large files.
//   checkpoint MEGABYTES DIR       the directory gets model.safetensors, and loses it again
#include <ATen/ATen.h>

#include <filesystem>
#include <trainer/files.hpp>
#include <trainer/safetensors.hpp>

#include "process.hpp"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const double megabytes = std::atof(argv[1]);
  const std::filesystem::path file = std::filesystem::path(argv[2]) / "model.safetensors";
  constexpr std::int64_t layers = 16;
  trainer::NamedTensors tensors;
  for (std::int64_t i = 0; i < layers; ++i) {
    const auto numbers = static_cast<std::int64_t>(megabytes * 1e6 / 4 / layers);
    tensors.emplace_back("layer." + std::to_string(10 + i), at::rand({numbers}));
  }

  auto start = bench::Clock::now();
  trainer::save_safetensors(file, tensors);
  const double written = bench::seconds_since(start);
  trainer::sync_file(file);
  const double on_disk = bench::seconds_since(start);

  start = bench::Clock::now();
  const auto read = trainer::load_safetensors(file);
  const double read_back = bench::seconds_since(start);
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (read[i].first != tensors[i].first || !read[i].second.equal(tensors[i].second)) return 1;

  start = bench::Clock::now();
  std::vector<char> piece(1 << 22);
  std::ifstream in(file, std::ios::binary);
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size()))) {
  }
  const double page_cache = bench::seconds_since(start);
  std::filesystem::remove(file);
  std::printf(
               "{\"write_mb_s\": %.1f, \"write_sync_mb_s\": %.1f, \"read_mb_s\": %.1f, \"page_cache_mb_s\": %.1f}\n",
               megabytes / written, megabytes / on_disk, megabytes / read_back, megabytes / page_cache);
}
