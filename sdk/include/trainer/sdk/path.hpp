// SPDX-License-Identifier: Apache-2.0
//
// path.hpp - paths and their text, which is UTF-8 in the contract: std::filesystem takes narrow text on Windows for one
// of the system's code page.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace trainer::sdk {

/// The path that UTF-8 text names; elsewhere than on Windows its very bytes. There, throws
/// std::filesystem::filesystem_error for what is no UTF-8.
inline std::filesystem::path path_of(std::string_view text) {
#if !defined(_WIN32)
  return std::filesystem::path(text);
#elif defined(__cpp_char8_t)
  return std::filesystem::path(std::u8string_view(reinterpret_cast<const char8_t*>(text.data()), text.size()));
#else
  return std::filesystem::u8path(text.begin(), text.end());
#endif
}

/// The text of a path: path_of() of it is the path.
inline std::string text_of(const std::filesystem::path& path) {
#if !defined(_WIN32)
  return path.string();
#else
  const auto text = path.u8string();  // a std::string in C++17, of char8_t since C++20
  return std::string(text.begin(), text.end());
#endif
}

/// The same with slashes on every system, for names that are kept in files.
inline std::string generic_text_of(const std::filesystem::path& path) {
#if !defined(_WIN32)
  return path.generic_string();
#else
  const auto text = path.generic_u8string();
  return std::string(text.begin(), text.end());
#endif
}

}  // namespace trainer::sdk
