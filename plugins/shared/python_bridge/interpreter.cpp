// SPDX-License-Identifier: Apache-2.0
//
// Chooses the user's Python, and gives it the bridge's modules.
#include "shared/python_bridge/interpreter.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <filesystem>
#include <trainer/sdk/path.hpp>

#include "python_modules.hpp"
#include "shared/system/environment.hpp"

namespace trainer::plugins {
namespace {

constexpr std::array<std::string_view, 12> launcher_variables = {
    "RANK",        "LOCAL_RANK",       "WORLD_SIZE",      "LOCAL_WORLD_SIZE",
    "GROUP_RANK",  "ROLE_RANK",        "ROLE_WORLD_SIZE", "MASTER_ADDR",
    "MASTER_PORT", "GROUP_WORLD_SIZE", "ROLE_NAME",       "TRAINER_BRIDGE_SOCKET"};
constexpr std::array<std::string_view, 5> launcher_prefixes = {"TORCHELASTIC_", "OMPI_COMM_WORLD_", "PMI_",
                                                               "ACCELERATE_", "FSDP_"};

// Imports the modules from memory, and keeps their lines for tracebacks. Directories on sys.path
// that stand for the current one are taken out: a file such as ./json.py must not be imported here.
constexpr const char* bootstrap = R"py(
import sys
sys.path = [p for p in sys.path if p]
import importlib.abc, importlib.util, json, linecache, os, socket, struct
port, _, token = os.environ.pop("TRAINER_CHILD_STREAM", "").partition(":")
if port:
    sock = socket.create_connection(("127.0.0.1", int(port)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(token.encode())
else:
    sock = socket.socket(fileno=3)
sock.set_inheritable(False)
def exactly(size):
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise SystemExit(1)
        data += part
    return data
sources = json.loads(exactly(struct.unpack("<I", exactly(4))[0]))
class Modules(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    def find_spec(self, name, path=None, target=None):
        if name in sources:
            return importlib.util.spec_from_loader(name, self, is_package=self.is_package(name))
    def is_package(self, name):
        return name == "trainer_bridge"
    def get_source(self, name):
        return sources[name]
    def get_code(self, name):
        file = "<" + name + ">"
        linecache.cache[file] = (len(sources[name]), None, sources[name].splitlines(True), file)
        return compile(sources[name], file, "exec")
sys.meta_path.insert(0, Modules())
from trainer_bridge import child
child.main(sock)
)py";

bool from_launcher(std::string_view name) {
  return std::find(launcher_variables.begin(), launcher_variables.end(), name) != launcher_variables.end() ||
         std::any_of(launcher_prefixes.begin(), launcher_prefixes.end(),
                     [&](std::string_view prefix) { return name.substr(0, prefix.size()) == prefix; });
}

}  // namespace

std::string choose_python(std::string_view configured) {
  if (!configured.empty()) return std::string(configured);
  if (std::string named = variable("TRAINER_PYTHON"); !named.empty()) return named;
  if (const std::string venv = variable("VIRTUAL_ENV"); !venv.empty()) {
    const auto python = sdk::path_of(venv) / python_in_environment;
    std::error_code error;
    if (std::filesystem::exists(python, error)) return sdk::text_of(python);
  }
  return usual_python;
}

std::vector<std::string> child_environment(const std::map<std::string, std::string>& changed) {
  std::vector<std::string> kept;
  for (const auto& [name, value] : environment(changed))
    if (!from_launcher(name)) kept.push_back(name + "=" + value);
  return kept;
}

std::vector<std::string> python_command(const std::string& python) { return {python, "-c", bootstrap}; }

std::string bridge_modules() {
  boost::json::object modules;
  for (const auto& [name, source] : python_modules) modules[name] = source;
  return boost::json::serialize(modules);
}

}  // namespace trainer::plugins
