// SPDX-License-Identifier: Apache-2.0
//
// curl_library.hpp - libcurl, opened when it is needed.
#pragma once

#include <curl/curl.h>

#include <string>

namespace trainer::plugins::http {

/// libcurl's functions, from the library that is opened when they are first needed: a plugin loads
/// as fast without it, and a machine that has none gets a sentence instead of a loader's error.
struct CurlLibrary {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_reset) easy_reset = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;

  std::string problem;  ///< empty, or why there is no library and what to install

  static const CurlLibrary& get();
};

}  // namespace trainer::plugins::http
