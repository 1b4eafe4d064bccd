// SPDX-License-Identifier: Apache-2.0
//
// Writing of safetensors files.
#include "trainer/safetensors.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "formats/digest.hpp"
#include "formats/safetensors_bytes.hpp"
#include "trainer/error.hpp"

namespace trainer {

void save_safetensors(const std::filesystem::path& path, const NamedTensors& tensors, Digest* digest,
                      const SharedNames& shared) {
  errno = 0;
  std::ofstream out;
  write_safetensors(tensors, shared, path.string(), [&](std::string_view piece) {
    if (out && !out.is_open()) out.open(path, std::ios::binary | std::ios::trunc);  // all of the tensors are fine
    out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    if (digest != nullptr) digest->add(piece);
  });
  out.close();
  if (out) return;
  throw_run(error_id::file_write_failed, path.string() + ": cannot write the file (" + std::strerror(errno) +
                                             "); make room or choose another output_dir");
}

}  // namespace trainer
