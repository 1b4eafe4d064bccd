// SPDX-License-Identifier: Apache-2.0
//
// Opens libcurl under the names that systems give it.
#include "shared/http/curl_library.hpp"

#include "shared/system/shared_library.hpp"

namespace trainer::plugins::http {
namespace {

SharedLibrary open_library() {
  for (const char* name : {"libcurl.so.4", "libcurl-gnutls.so.4"})
    if (SharedLibrary library(name); library) return library;
  return SharedLibrary("libcurl.4.dylib");
}

CurlLibrary open() {
  CurlLibrary curl;
  const SharedLibrary library = open_library();
  if (!library) {
    curl.problem =
        "HTTP needs libcurl, and neither libcurl.so.4 nor libcurl-gnutls.so.4 could be loaded; "
        "install it (Debian and Ubuntu: apt-get install libcurl4, Fedora: dnf install libcurl)";
    return curl;
  }
  const bool complete =
      library.bind("curl_global_init", curl.global_init) && library.bind("curl_easy_init", curl.easy_init) &&
      library.bind("curl_easy_reset", curl.easy_reset) && library.bind("curl_easy_cleanup", curl.easy_cleanup) &&
      library.bind("curl_easy_perform", curl.easy_perform) && library.bind("curl_easy_setopt", curl.easy_setopt) &&
      library.bind("curl_easy_getinfo", curl.easy_getinfo) && library.bind("curl_easy_strerror", curl.easy_strerror) &&
      library.bind("curl_slist_append", curl.slist_append) && library.bind("curl_slist_free_all", curl.slist_free_all);
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
