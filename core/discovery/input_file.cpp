// SPDX-License-Identifier: Apache-2.0
#include "discovery/input_file.hpp"

#include <algorithm>

#include "discovery/plugin_trust.hpp"
#include "trainer/error.hpp"

namespace trainer {

InputFile::InputFile(const std::filesystem::path& path, Links links) : name_(path.string()) {
  open_by_links(path, trusts_any_plugin() ? Links::followed : links);
  require_regular();
}

void InputFile::refuse_link() const {
  throw_usage(error_id::plugin_file_link,
              name_ +
                  " is a symbolic link, and a plugin is a regular file; put the file itself there, or set "
                  "TRAINER_PLUGIN_TRUST=any");
}

std::string InputFile::read(std::uint64_t offset, std::uint64_t count) const {
  std::string bytes(count, '\0');
  for (std::uint64_t done = 0; done < count;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(count - done, 1u << 30));
    const std::size_t n = read_some(offset + done, bytes.data() + done, wanted);
    if (n == 0)
      throw_usage(error_id::plugin_file_changed,
                  name_ + " became shorter while it was read; install plugins by renaming them into place");
    done += n;
  }
  return bytes;
}

}  // namespace trainer
