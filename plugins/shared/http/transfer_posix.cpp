// SPDX-License-Identifier: Apache-2.0
#include "shared/http/transfer.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>

namespace trainer::plugins::http {
namespace {

constexpr std::size_t largest_body = 16u << 20;

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// curl calls these from C: nothing may be thrown through it.
std::size_t take_body(char* data, std::size_t, std::size_t size, void* to) noexcept {
  try {
    std::string& body = static_cast<Response*>(to)->body;
    body.append(data, std::min(size, largest_body - std::min(largest_body, body.size())));
    return size;
  } catch (...) {
    return 0;
  }
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* to) noexcept {
  try {
    auto& headers = static_cast<Response*>(to)->headers;
    const std::string_view line(data, size);
    if (line.substr(0, 5) == "HTTP/") headers.clear();  // those of an interim answer
    const auto colon = line.find(':');
    if (colon != std::string_view::npos)
      headers.push_back({std::string(trimmed(line.substr(0, colon))), std::string(trimmed(line.substr(colon + 1)))});
    return size;
  } catch (...) {
    return 0;
  }
}

std::size_t give_file(char* data, std::size_t, std::size_t size, void* file) noexcept {
  const std::size_t count = std::fread(data, 1, size, static_cast<std::FILE*>(file));
  return std::ferror(static_cast<std::FILE*>(file)) != 0 ? CURL_READFUNC_ABORT : count;
}

int rewind_file(void* file, curl_off_t offset, int origin) noexcept {
  return std::fseek(static_cast<std::FILE*>(file), static_cast<long>(offset), origin) == 0 ? CURL_SEEKFUNC_OK
                                                                                           : CURL_SEEKFUNC_FAIL;
}

int look_at_interrupt(void* flag, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
  return static_cast<std::atomic<bool>*>(flag)->load() ? 1 : 0;
}

Error::Kind kind_of(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return Error::Kind::unreachable;
    case CURLE_OPERATION_TIMEDOUT:
      return Error::Kind::timeout;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
      return Error::Kind::tls;
    case CURLE_ABORTED_BY_CALLBACK:
      return Error::Kind::interrupted;
    default:
      return Error::Kind::other;
  }
}

}  // namespace

template <typename Value>
void Transfer::set(CURLoption option, Value value) {
  curl_.easy_setopt(handle_, option, value);  // of a build without the feature: its own default
}

Transfer::Transfer(void* handle, const Options& options, std::atomic<bool>& interrupted, const Request& request)
    : handle_(handle), options_(options), interrupted_(interrupted), request_(request) {
  curl_.easy_reset(handle_);  // keeps the open connections
  set_address();
  set_limits();
  set_receivers();
  set_security();
  set_headers();
  set_body();
}

Response Transfer::perform() {
  const CURLcode code = curl_.easy_perform(handle_);
  if (code != CURLE_OK)
    throw Error(request_.method + " " + request_.url +
                    " got no answer: " + (reason_[0] != '\0' ? reason_ : curl_.easy_strerror(code)),
                kind_of(code));
  long status = 0;
  curl_.easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  return std::move(response_);
}

void Transfer::set_address() {
  set(CURLOPT_URL, request_.url.c_str());
  set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  set(CURLOPT_USERAGENT, options_.user_agent.c_str());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_ERRORBUFFER, reason_);
}

void Transfer::set_limits() {
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout * 1000));
  // Without a byte, not in all: a large file on a slow line is no failure.
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, std::max(1L, static_cast<long>(options_.timeout)));
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &look_at_interrupt);
  set(CURLOPT_XFERINFODATA, &interrupted_);
}

void Transfer::set_receivers() {
  set(CURLOPT_WRITEFUNCTION, &take_body);
  set(CURLOPT_WRITEDATA, &response_);
  set(CURLOPT_HEADERFUNCTION, &take_header);
  set(CURLOPT_HEADERDATA, &response_);
}

void Transfer::set_security() {
  if (options_.insecure_tls) {
    set(CURLOPT_SSL_VERIFYPEER, 0L);
    set(CURLOPT_SSL_VERIFYHOST, 0L);
  } else if (!options_.ca_file.empty()) {
    const bool directory = std::filesystem::is_directory(options_.ca_file);
    set(directory ? CURLOPT_CAPATH : CURLOPT_CAINFO, options_.ca_file.c_str());
  }
  if (!options_.client_cert.empty()) set(CURLOPT_SSLCERT, options_.client_cert.c_str());
  if (has_password()) {
    set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    set(CURLOPT_USERNAME, options_.user.c_str());
    set(CURLOPT_PASSWORD, options_.password.c_str());
  }
}

void Transfer::set_headers() {
  add_header("Expect:");  // no round trip before the body
  for (const Header& header : request_.headers) add_header(header.name + ": " + header.value);
  if (!options_.bearer.empty() && !has_password()) add_header("Authorization: Bearer " + options_.bearer);
  set(CURLOPT_HTTPHEADER, headers_.get());
}

void Transfer::add_header(const std::string& line) {
  curl_slist* longer = curl_.slist_append(headers_.get(), line.c_str());
  if (longer == nullptr) throw Error("libcurl has no memory for a header", Error::Kind::other);
  (void)headers_.release();
  headers_.reset(longer);
}

void Transfer::set_body() {
  if (request_.file) {
    set_file(request_.file.get());
  } else if (!request_.body.empty() || request_.method == "POST" || request_.method == "PUT") {
    set(CURLOPT_POSTFIELDS, request_.body.c_str());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
  }
}

void Transfer::set_file(std::FILE* file) {
  const long size = std::fseek(file, 0, SEEK_END) == 0 ? std::ftell(file) : -1;
  std::rewind(file);
  if (size < 0) throw Error("a file could not be read for the upload to " + request_.url, Error::Kind::other);
  set(CURLOPT_UPLOAD, 1L);
  set(CURLOPT_READFUNCTION, &give_file);
  set(CURLOPT_READDATA, file);
  set(CURLOPT_SEEKFUNCTION, &rewind_file);
  set(CURLOPT_SEEKDATA, file);
  set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
}

}  // namespace trainer::plugins::http
