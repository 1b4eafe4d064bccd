// SPDX-License-Identifier: Apache-2.0
//
// Asks the user's Python for a package.
#include <system_error>

#include "child/process.hpp"
#include "shared/python_bridge/callback.hpp"
#include "shared/python_bridge/interpreter.hpp"

namespace trainer::plugins {

void require_package(const std::string& module, const std::string& package) {
  const std::string python = choose_python("");
  // Status 3 is the answer "not there"; a folder without Python in it does not count.
  const std::string program =
      "import sys, importlib.util as u\n"
      "sys.path = [p for p in sys.path if p]\n"
      "found = [u.find_spec(m) for m in ('transformers', '" +
      module +
      "')]\n"
      "sys.exit(0 if all(s and s.origin for s in found) else 3)";
  std::optional<std::string> ended;
  try {
    child::Process process({{python, "-c", program}, child_environment()});
    ended = process.wait(30);
  } catch (const std::system_error& e) {
    throw sdk::Unavailable(python + " could not be started: " + e.what() + "; name a Python with TRAINER_PYTHON");
  }
  if (!ended) throw sdk::Unavailable(python + " did not start within 30 s");
  if (!ended->empty())
    throw sdk::Unavailable(python + " lacks " + package + " or transformers; run \"" + python +
                           " -m pip install transformers " + package +
                           "\", or name another Python with TRAINER_PYTHON");
}

}  // namespace trainer::plugins
