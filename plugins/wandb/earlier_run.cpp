// SPDX-License-Identifier: Apache-2.0
//
// Reads the .wandb files of a run that came before.
#include "earlier_run.hpp"

#include <algorithm>
#include <trainer/sdk/path.hpp>

#include "shared/protobuf/fields.hpp"
#include "shared/record_file/record_reader.hpp"
#include "wandb_file.hpp"

namespace trainer::wandb {
namespace {

using plugins::protobuf::find_bytes;
using plugins::protobuf::find_integer;

std::int64_t last_step_of(const std::filesystem::path& file) {
  std::int64_t last = -1;
  plugins::RecordReader reader(file, file_header);
  for (std::string record; reader.next(record);)
    if (const auto history = find_bytes(record, record_history))
      if (const auto step = find_bytes(*history, 2)) last = std::max(last, find_integer(*step, 1));
  return last;
}

}  // namespace

std::optional<std::int64_t> last_step(const std::filesystem::path& directory, const std::string& id) {
  std::optional<std::int64_t> last;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::filesystem::path file = entry.path() / sdk::path_of("run-" + id + ".wandb");
    if (entry.is_symlink(error) || !std::filesystem::is_regular_file(file, error)) continue;
    last = std::max(last.value_or(-1), last_step_of(file));
  }
  return last;
}

}  // namespace trainer::wandb
