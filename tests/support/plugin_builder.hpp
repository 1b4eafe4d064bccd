// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "support/scratch_directory.hpp"
#include "support/sentence_of.hpp"

/// Plugins made while the tests run: compiled from C text, then patched byte by byte.
namespace plugin_builder {

namespace fs = std::filesystem;

/// A directory that is gone when the test is, by the name that the system has for it.
class TemporaryDirectory {
 public:
  const fs::path& path() const { return path_; }

 private:
  trainer::test::ScratchDirectory scratch_;
  fs::path path_ = fs::canonical(scratch_.path());
};

inline std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::ssize(bytes));
}

/// What every plugin of these tests starts with.
inline const std::string preamble = R"(#include <trainer/ext/tracker.h>
#include <trainer/plugin.h>
static int32_t TRAINER_CALL on_log(trainer_callback* self, const trainer_event* event) {
  (void)self, (void)event;
  return TRAINER_OK;
}
static int32_t TRAINER_CALL create(const trainer_host* host, trainer_callback** out) {
  static trainer_callback callback;
  (void)host, callback.struct_size = sizeof callback, callback.on_log = on_log;
  *out = &callback;
  return TRAINER_OK;
}
)";

/// A good plugin's C text; `keys` are added to its note.
inline std::string good(const std::string& id, const std::string& keys = "") {
  return preamble + "TRAINER_PLUGIN_DEFINE(create, NULL, {\"id\": \"" + id +
         "\", \"version\": \"1.0\", \"events\": [\"on_log\"]" + (keys.empty() ? "" : ", ") + keys + "})\n";
}

/// The same with a note of one's own.
inline std::string with_note(const std::string& note) {
  return preamble + "TRAINER_PLUGIN_DEFINE(create, NULL, " + note + ")\n";
}

/// Compiles C text to the shared library `path`.
inline fs::path compile(const fs::path& path, const std::string& text, const std::string& options = "") {
  auto source = path;
  source += ".c";
  write(source, text);
  const std::string command = "cc -shared -fPIC -O1 -I'" TRAINER_SOURCE_DIR "/plugin_api/include' -o '" +
                              path.string() + "' '" + source.string() + "' " + options;
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
  return path;
}

}  // namespace plugin_builder
