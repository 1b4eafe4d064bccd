// SPDX-License-Identifier: Apache-2.0
#include "loading/shared_library.hpp"

#include <dlfcn.h>
#if defined(__linux__)
#include <link.h>
#endif

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <cstring>
#include <string_view>
#include <vector>

#include "loading/load_failure.hpp"

namespace trainer::shared_library {

void* load(const std::string& file, const std::filesystem::path& name) {
  using namespace boost::dll;
  union Kept {  // never unloaded, as the library's constructors may have started threads
    boost::dll::shared_library library{};
    ~Kept() {}
  } kept;
  const bool bare = file.find('/') == file.npos;
  try {
    kept.library.load(file, load_mode::rtld_now | load_mode::rtld_local |
                                (bare ? load_mode::search_system_folders : load_mode::default_mode));
    return kept.library.native();
  } catch (const std::system_error& e) {
    std::string text = e.what();
    const std::string_view mark = "(dlerror system message: ";
    if (const auto begin = text.find(mark); begin != text.npos) {
      text.erase(0, begin + mark.size());
      text.erase(std::min(text.rfind("): "), text.size()));
    }
    for (auto at = text.find(file); !bare && at != text.npos; at = text.find(file, at + name.string().size()))
      text.replace(at, file.size(), name.string());
    refuse_loading(name, text);
  }
}

std::string known_as(const std::string& name) { return name; }

bool is_loaded(const std::string& name) {
  void* found = ::dlopen(name.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (found) ::dlclose(found);
  return found != nullptr;
}

// Who needs a library names it by this, by what it was loaded by, or by its DT_SONAME, which not every library has.
void rename(void* library, const std::string& name) {
#if defined(__GLIBC__)
  link_map* map = nullptr;
  if (::dlinfo(library, RTLD_DI_LINKMAP, &map) != 0 || !map) return;
  static auto& before = *new std::vector<char*>;  // not ours to free
  before.push_back(map->l_name);
  map->l_name = ::strdup(name.c_str());
#else
  (void)library, (void)name;
#endif
}

void* symbol(void* library, const char* name) { return ::dlsym(library, name); }

}  // namespace trainer::shared_library
