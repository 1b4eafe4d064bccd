// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>

#include "shared/http/curl_library.hpp"

namespace trainer::plugins::http {
namespace {

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

CurlLibrary open() {
  CurlLibrary curl;
  void* library = nullptr;
  for (const char* name : {"libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.4.dylib"}) {
    library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) break;
  }
  if (library == nullptr) {
    curl.problem =
        "HTTP needs libcurl, and neither libcurl.so.4 nor libcurl-gnutls.so.4 could be loaded; "
        "install it (Debian and Ubuntu: apt-get install libcurl4, Fedora: dnf install libcurl)";
    return curl;
  }
  const bool complete =
      find(library, "curl_global_init", curl.global_init) && find(library, "curl_easy_init", curl.easy_init) &&
      find(library, "curl_easy_reset", curl.easy_reset) && find(library, "curl_easy_cleanup", curl.easy_cleanup) &&
      find(library, "curl_easy_perform", curl.easy_perform) && find(library, "curl_easy_setopt", curl.easy_setopt) &&
      find(library, "curl_easy_getinfo", curl.easy_getinfo) &&
      find(library, "curl_easy_strerror", curl.easy_strerror) &&
      find(library, "curl_slist_append", curl.slist_append) &&
      find(library, "curl_slist_free_all", curl.slist_free_all);
  if (!complete || curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    curl.problem = "the libcurl that was found is incomplete or does not start; reinstall libcurl4";
  return curl;
}

}  // namespace

const CurlLibrary& CurlLibrary::get() {
  static const CurlLibrary curl = open();
  return curl;
}

}  // namespace trainer::plugins::http
