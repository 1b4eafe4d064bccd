// SPDX-License-Identifier: Apache-2.0
//
// Stages a directory's files, with the digests of W&B.
#include "artifact.hpp"

#include <algorithm>
#include <array>
#include <boost/uuid/detail/md5.hpp>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <trainer/sdk/file.hpp>

#include "shared/run_config/names.hpp"
#include "shared/system/environment.hpp"
#include "shared/system/files.hpp"
#include "shared/system/random_id.hpp"

namespace trainer::wandb {
namespace {

namespace fs = std::filesystem;
using Md5 = boost::uuids::detail::md5;
using Bytes = std::array<unsigned char, 16>;

Bytes result(Md5& md5) {
  Md5::digest_type digest;  // bytes since Boost 1.86, before that words with the first byte on top
  md5.get_digest(digest);
  static_assert(sizeof digest == sizeof(Bytes));
  constexpr std::size_t width = sizeof digest[0];
  Bytes bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<unsigned char>(digest[i / width] >> 8 * (width - 1 - i % width));
  return bytes;
}

std::string base64(const Bytes& bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = i; k < i + 3; ++k) group = group << 8 | (k < bytes.size() ? bytes[k] : 0);
    for (int shift = 18; shift >= 0; shift -= 6) text += digits[group >> shift & 63];
  }
  text.replace(text.size() - 2, 2, "==");  // of 16 bytes, the last group has one
  return text;
}

Bytes md5_of_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<char> buffer(1 << 20);
  Md5 md5;
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0)
    md5.process_bytes(buffer.data(), static_cast<std::size_t>(in.gcount()));
  if (!in.eof()) throw std::system_error(EIO, std::generic_category(), sdk::text_of(path) + " could not be read");
  return result(md5);
}

/// A second name of the file where that is possible: the trainer replaces files and never changes one.
fs::path stage(const fs::path& file, const fs::path& directory) {
  const fs::path staged = directory / ("tmp" + plugins::random_id(12));
  plugins::link_or_copy(file, staged);
  return staged;
}

}  // namespace

void Artifact::add_directory(const fs::path& directory) {
  const fs::path staging = staging_directory();
  sdk::make_directory(staging);
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    File file;
    file.path = sdk::generic_text_of(entry.path().lexically_relative(directory));
    file.staged = stage(entry.path(), staging);
    file.size = fs::file_size(file.staged);
    file.digest = base64(md5_of_file(file.staged));
    files.push_back(std::move(file));
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.path < b.path; });
}

std::string Artifact::digest() const {
  std::string manifest = "wandb-artifact-manifest-v1\n";
  for (const File& file : files) manifest += file.path + ":" + file.digest + "\n";
  Md5 md5;
  md5.process_bytes(manifest.data(), manifest.size());
  std::string text;
  for (const unsigned char byte : result(md5)) {
    static constexpr char digits[] = "0123456789abcdef";
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string artifact_name(std::string_view name) {
  constexpr std::size_t longest = 128, part = 63;
  std::string safe = plugins::fit_name(name, {.allowed = "_-.", .forbidden = {}, .most = std::string::npos});
  if (safe.size() > longest) safe.replace(part, safe.size() - 2 * part, "..");
  return safe;
}

fs::path staging_directory() {
  const std::string root = plugins::variable("WANDB_DATA_DIR"), data = plugins::variable("XDG_DATA_HOME");
  fs::path base = plugins::expand_user(root);
  if (root.empty()) base = (data.empty() ? plugins::expand_user("~/.local/share") : sdk::path_of(data)) / "wandb";
  return fs::absolute(base) / "artifacts" / "staging";
}

}  // namespace trainer::wandb
