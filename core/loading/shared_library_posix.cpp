// SPDX-License-Identifier: Apache-2.0
#include "loading/shared_library.hpp"

#include <dlfcn.h>
#if defined(__linux__)
#include <link.h>
#endif

#include <cstring>
#include <vector>

#include "discovery/platform.hpp"

namespace trainer::shared_library {

void* load(const std::string& file, const std::filesystem::path& name) {
  if (void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  const char* error = ::dlerror();
  std::string text = error ? error : "no reason is given";
  if (file.find('/') != file.npos)
    for (auto at = text.find(file); at != text.npos; at = text.find(file, at + name.string().size()))
      text.replace(at, file.size(), name.string());
  platform::refuse_loading(name, text);
}

bool is_loaded(const std::string& name) {
  void* found = ::dlopen(name.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (found) ::dlclose(found);
  return found != nullptr;
}

// glibc compares with the name that it loaded a library by, or with DT_SONAME, which not every library has.
void answer_to(void* library, const std::string& name) {
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
