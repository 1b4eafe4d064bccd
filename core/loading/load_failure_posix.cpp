// SPDX-License-Identifier: Apache-2.0
#include "loading/load_failure.hpp"

#include <boost/core/demangle.hpp>
#include <string_view>

#include "trainer/error.hpp"

namespace trainer {
namespace {

// The piece of `text` between two marks, or empty when one of them is missing.
std::string between(const std::string& text, std::string_view begin, std::string_view end) {
  const auto first = text.find(begin);
  if (first == text.npos) return {};
  const auto start = first + begin.size();
  const auto last = end.empty() ? text.size() : text.find(end, start);
  return last == text.npos ? std::string() : text.substr(start, last - start);
}

}  // namespace

// The texts are glibc's (elf/dl-load.c, dl-lookup.c, dl-version.c); others are passed on as they
// are.
void refuse_loading(const std::filesystem::path& path, const std::string& loader_text) {
  const std::string file = path.string();
  if (auto symbol = between(loader_text, "undefined symbol: ", ""); !symbol.empty()) {
    const auto name = symbol.substr(0, symbol.find_first_of(", \t)"));
    const auto plain = boost::core::demangle(name.c_str());
    throw_usage(error_id::plugin_symbol_missing,
                file + " needs the symbol " + plain + (plain == name ? "" : " (" + name + ")") +
                    ", which neither it nor a library that it names defines; link it with the library that does, and "
                    "with -Wl,-z,defs, so that the linker reports it");
  }
  if (auto needed = between(loader_text, "version `", "' not found"); !needed.empty()) {
    const auto library = loader_text.substr(0, loader_text.find(": version `"));
    throw_usage(error_id::plugin_library_too_old,
                file + " needs version " + needed + " of " + library +
                    ", and the one installed here is older; build the plugin on a system as old as this one");
  }
  if (loader_text.find("cannot open shared object file") != loader_text.npos) {
    const auto library = loader_text.substr(0, loader_text.find(": cannot open"));
    if (library != file)
      throw_usage(error_id::plugin_library_missing,
                  file + " needs the library " + library +
                      ", which was not found; install it, or add its directory to the plugin's run path "
                      "(-Wl,-rpath) or to LD_LIBRARY_PATH");
  }
  if (loader_text.find("static TLS block") != loader_text.npos)
    throw_usage(
        error_id::plugin_thread_storage,
        file + " needs more static thread-local storage than is left; build it with -ftls-model=global-dynamic");
  throw_usage(error_id::plugin_load_failed,
              file + " could not be loaded: " + loader_text + "; build it again for this system");
}

}  // namespace trainer
