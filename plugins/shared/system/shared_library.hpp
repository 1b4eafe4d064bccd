// SPDX-License-Identifier: Apache-2.0
//
// A library that is opened when it is needed, so that a plugin loads on a machine without it.
#pragma once

#include <string>

namespace trainer::plugins {

/// Bound at run time and never unloaded.
class SharedLibrary {
 public:
  explicit SharedLibrary(const std::string& name);
  explicit operator bool() const { return handle_ != nullptr; }
  const std::string& error() const { return error_; }

  template <typename Function>
  bool bind(const char* name, Function*& function) const {
    function = reinterpret_cast<Function*>(symbol(name));
    return function != nullptr;
  }

 private:
  void* symbol(const char* name) const;
  void* handle_ = nullptr;
  std::string error_;
};

}  // namespace trainer::plugins
