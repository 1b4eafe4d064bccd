// SPDX-License-Identifier: Apache-2.0
#include "checkpoints/shared_files.hpp"

#include <algorithm>
#include <fstream>

#include "trainer/error.hpp"
#include "trainer/json.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t part_size = 16u << 20;  // of a file, in memory

json::object list_files(const fs::path& directory) {
  json::object files;
  if (fs::is_directory(directory))
    for (const auto& one : fs::recursive_directory_iterator(directory))
      if (one.is_regular_file())
        files.emplace(one.path().lexically_relative(directory).generic_string(), one.file_size());
  return files;
}

void require(const std::ios& stream, const fs::path& path, const char* what) {
  if (!stream) throw_run(error_id::file_write_failed, path.string() + " could not be " + what + "; free some space");
}

}  // namespace

void share_files(ProcessGroup& group, const fs::path& directory) {
  const bool gives = group.rank() == 0, takes = !gives && !directory.empty();
  const auto files =
      json::parse(group.broadcast(gives ? json::dump(list_files(directory)) : ""), "the files of rank 0").as_object();
  for (const auto& [name, size] : files) {
    const fs::path path = directory / std::string(name);
    std::ifstream in;
    std::ofstream out;
    if (gives) in.open(path, std::ios::binary);
    if (takes) {
      fs::create_directories(path.parent_path());
      out.open(path, std::ios::binary);
    }
    for (auto left = size.to_number<std::uint64_t>(); left > 0; left -= std::min(left, part_size)) {
      std::string part;
      if (gives) {
        part.resize(std::min(left, part_size));
        in.read(part.data(), static_cast<std::streamsize>(part.size()));
        require(in, path, "read");
      }
      part = group.broadcast(part);
      if (!takes) continue;
      out.write(part.data(), static_cast<std::streamsize>(part.size()));
      require(out, path, "written");
    }
    if (!takes) continue;
    out.close();
    require(out, path, "written");
  }
}

}  // namespace trainer
