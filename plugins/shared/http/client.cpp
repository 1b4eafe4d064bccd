// SPDX-License-Identifier: Apache-2.0
//
// Requests by libcurl.
#include "shared/http/client.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "shared/http/curl_library.hpp"

namespace trainer::plugins::http {
namespace {

constexpr std::size_t largest_body = 16u << 20;

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

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

std::string library_problem() { return CurlLibrary::get().problem; }

std::string_view Response::header(std::string_view name) const {
  for (const Header& header : headers)
    if (same_name(header.name, name)) return header.value;
  return {};
}

Client::Client(Options options) : options_(std::move(options)) {
  const CurlLibrary& curl = CurlLibrary::get();
  if (!curl.problem.empty()) throw Error(curl.problem, Error::Kind::other);
  handle_ = curl.easy_init();
  if (handle_ == nullptr) throw Error("libcurl gave no handle: no memory", Error::Kind::other);
}

Client::~Client() { CurlLibrary::get().easy_cleanup(handle_); }

Response Client::send(const Request& request) {
  const CurlLibrary& curl = CurlLibrary::get();
  const auto set = [&](CURLoption option, auto value) {
    curl.easy_setopt(handle_, option, value);  // of a build without the feature: its own default
  };
  Response response;
  char reason[CURL_ERROR_SIZE] = "";
  curl.easy_reset(handle_);  // keeps the open connections
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_ERRORBUFFER, reason);
  set(CURLOPT_USERAGENT, options_.user_agent.c_str());
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout * 1000));
  // Without a byte, not in all: a large file on a slow line is no failure.
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, std::max(1L, static_cast<long>(options_.timeout)));
  set(CURLOPT_WRITEFUNCTION, &take_body);
  set(CURLOPT_WRITEDATA, &response);
  set(CURLOPT_HEADERFUNCTION, &take_header);
  set(CURLOPT_HEADERDATA, &response);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &look_at_interrupt);
  set(CURLOPT_XFERINFODATA, &interrupted_);
  if (options_.insecure_tls) {
    set(CURLOPT_SSL_VERIFYPEER, 0L);
    set(CURLOPT_SSL_VERIFYHOST, 0L);
  } else if (!options_.ca_file.empty()) {
    const bool directory = std::filesystem::is_directory(options_.ca_file);
    set(directory ? CURLOPT_CAPATH : CURLOPT_CAINFO, options_.ca_file.c_str());
  }
  if (!options_.client_cert.empty()) set(CURLOPT_SSLCERT, options_.client_cert.c_str());
  if (!options_.user.empty() && !options_.password.empty()) {
    set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    set(CURLOPT_USERNAME, options_.user.c_str());
    set(CURLOPT_PASSWORD, options_.password.c_str());
  }

  struct FreeList {
    void operator()(curl_slist* list) const { CurlLibrary::get().slist_free_all(list); }
  };
  std::unique_ptr<curl_slist, FreeList> list;
  const auto header = [&](const std::string& line) {
    curl_slist* longer = curl.slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw Error("libcurl has no memory for a header", Error::Kind::other);
    (void)list.release();
    list.reset(longer);
  };
  header("Expect:");  // no round trip before the body
  for (const Header& h : request.headers) header(h.name + ": " + h.value);
  if (!options_.bearer.empty() && (options_.user.empty() || options_.password.empty()))
    header("Authorization: Bearer " + options_.bearer);

  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, CloseFile> file;
  if (request.file) {
    file.reset(std::fopen(request.file->c_str(), "rbe"));
    std::error_code error;
    const auto size = std::filesystem::file_size(*request.file, error);
    if (!file || error)
      throw Error(request.file->string() + " could not be read for the upload to " + request.url, Error::Kind::other);
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, &give_file);
    set(CURLOPT_READDATA, file.get());
    set(CURLOPT_SEEKFUNCTION, &rewind_file);
    set(CURLOPT_SEEKDATA, file.get());
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
  } else if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    set(CURLOPT_POSTFIELDS, request.body.c_str());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  set(CURLOPT_HTTPHEADER, list.get());
  set(CURLOPT_CUSTOMREQUEST, request.method.c_str());

  const CURLcode code = curl.easy_perform(handle_);
  if (code != CURLE_OK)
    throw Error(request.method + " " + request.url +
                    " got no answer: " + (reason[0] != '\0' ? reason : curl.easy_strerror(code)),
                kind_of(code));
  long status = 0;
  curl.easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  return response;
}

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
