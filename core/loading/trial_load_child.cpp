// SPDX-License-Identifier: Apache-2.0
//
// The child's side of a trial load. The plugin is loaded in this very process, which may not survive it.
#include "base/child_process.hpp"
#include "loading/plugin_library.hpp"
#include "loading/trial_load.hpp"

namespace trainer {

int answer_trial_load(const std::filesystem::path& file) {
  begin_child();
  std::string answer = "loaded";
  try {
    PluginLibrary::load(read_plugin_file(file), TrialLoad::done);
  } catch (const std::exception& e) {
    answer = e.what();
  }
  for (char& c : answer)
    if (c == '\n') c = ' ';
  return write_record(answer);
}

}  // namespace trainer
