// SPDX-License-Identifier: Apache-2.0
//
// Replays a recorded run to the callbacks of a run file, with their isolation and on_error, for which the command has
// no words: isolated_replay RUN.json TRAINER_STATE.json PLUGIN_DIRECTORY
#include <cstdio>
#include <exception>

#include "trainer/error.hpp"
#include "trainer/replay.hpp"

int main(int count, char** words) try {
  if (count != 4) return 2;
  const auto run = trainer::RunFile::load(words[1]);
  trainer::ReplayOptions options;
  options.args.update(run.args, words[1]);
  options.callbacks = run.callbacks;
  options.plugin_dirs = {words[3]};
  trainer::replay(words[2], options);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "error: %s\n", e.what());
  return 1;
}
