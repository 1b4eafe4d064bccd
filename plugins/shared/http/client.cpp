// SPDX-License-Identifier: Apache-2.0
//
// Requests by libcurl.
#include "shared/http/client.hpp"

#include "shared/http/curl_library.hpp"
#include "shared/http/transfer.hpp"

namespace trainer::plugins::http {

std::string library_problem() { return CurlLibrary::get().problem; }

Client::Client(Options options) : options_(std::move(options)) {
  const CurlLibrary& curl = CurlLibrary::get();
  if (!curl.problem.empty()) throw Error(curl.problem, Error::Kind::other);
  handle_ = curl.easy_init();
  if (handle_ == nullptr) throw Error("libcurl gave no handle: no memory", Error::Kind::other);
}

Client::~Client() { CurlLibrary::get().easy_cleanup(handle_); }

Response Client::send(const Request& request) { return Transfer(handle_, options_, interrupted_, request).perform(); }

std::string percent_encode(std::string_view text, std::string_view keep) {
  static const char digits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~' || keep.find(c) != std::string_view::npos;
    if (plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%', out += digits[byte >> 4], out += digits[byte & 15];
  }
  return out;
}

}  // namespace trainer::plugins::http
