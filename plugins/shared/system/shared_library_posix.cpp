// SPDX-License-Identifier: Apache-2.0
//
// dlopen() and dlsym().
#include <dlfcn.h>

#include "shared/system/shared_library.hpp"

namespace trainer::plugins {

SharedLibrary::SharedLibrary(const std::string& name) : handle_(::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ == nullptr) error_ = ::dlerror();
}

void* SharedLibrary::symbol(const char* name) const { return handle_ == nullptr ? nullptr : ::dlsym(handle_, name); }

}  // namespace trainer::plugins
