// SPDX-License-Identifier: Apache-2.0
#include "shared/http/call_windows.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>

namespace trainer::plugins::http {
namespace {

using windows::narrow;
using windows::wide;

constexpr std::size_t largest_body = 16u << 20, piece_size = 1u << 16;
constexpr DWORD most_in_one = 0xFFFFFFFF;

struct Reason {
  DWORD error;
  Error::Kind kind;
  const char* text;
};
constexpr Reason reasons[] = {
    {ERROR_WINHTTP_CANNOT_CONNECT, Error::Kind::unreachable, "could not connect to the server"},
    {ERROR_WINHTTP_NAME_NOT_RESOLVED, Error::Kind::unreachable, "could not resolve the host's name"},
    {ERROR_WINHTTP_CONNECTION_ERROR, Error::Kind::unreachable, "the connection was closed"},
    {ERROR_WINHTTP_TIMEOUT, Error::Kind::timeout, "the server took too long"},
    {ERROR_WINHTTP_SECURE_FAILURE, Error::Kind::tls, "the server's certificate is not trusted"},
    {ERROR_WINHTTP_CLIENT_AUTH_CERT_NEEDED, Error::Kind::tls, "the server wants a client certificate"},
    {ERROR_WINHTTP_SECURE_CHANNEL_ERROR, Error::Kind::tls, "no secure connection could be agreed on"},
    {ERROR_WINHTTP_INVALID_URL, Error::Kind::other, "the address is not one of HTTP"},
    {ERROR_WINHTTP_UNRECOGNIZED_SCHEME, Error::Kind::other, "the address is not one of HTTP"},
    {ERROR_WINHTTP_INVALID_SERVER_RESPONSE, Error::Kind::other, "the answer is not one of HTTP"},
};

std::string base64(std::string_view bytes) {
  DWORD size = 0;
  const auto* from = reinterpret_cast<const BYTE*>(bytes.data());
  const auto count = static_cast<DWORD>(bytes.size());
  constexpr DWORD flags = CRYPT_STRING_BASE64 | CRYPT_STRING_NOCRLF;
  ::CryptBinaryToStringA(from, count, flags, nullptr, &size);
  std::string text(size, '\0');
  ::CryptBinaryToStringA(from, count, flags, text.data(), &size);
  text.resize(size);
  return text;
}

}  // namespace

Call::Call(HINTERNET session, const Options& options, std::atomic<bool>& interrupted, const Request& request)
    : session_(session),
      options_(options),
      interrupted_(interrupted),
      request_(request),
      done_(::CreateEventW(nullptr, FALSE, FALSE, nullptr)),
      closed_(::CreateEventW(nullptr, TRUE, FALSE, nullptr)) {}

/// WinHTTP may still write to what a step was given, until it says that the handle is closed.
Call::~Call() {
  handle_.close();
  if (tells_) ::WaitForSingleObject(closed_.get(), INFINITE);
}

void CALLBACK Call::notice(HINTERNET, DWORD_PTR call, DWORD what, void* information, DWORD size) {
  if (call != 0) reinterpret_cast<Call*>(call)->take_notice(what, information, size);
}

void Call::take_notice(DWORD what, void* information, DWORD size) {
  switch (what) {
    case WINHTTP_CALLBACK_STATUS_SENDING_REQUEST:
      return check_server();
    case WINHTTP_CALLBACK_STATUS_HANDLE_CLOSING:
      ::SetEvent(closed_.get());
      return;
    case WINHTTP_CALLBACK_STATUS_REQUEST_ERROR:
      error_ = static_cast<WINHTTP_ASYNC_RESULT*>(information)->dwError;
      break;
    case WINHTTP_CALLBACK_STATUS_READ_COMPLETE:
      error_ = 0, size_ = size;
      break;
    case WINHTTP_CALLBACK_STATUS_SENDREQUEST_COMPLETE:
    case WINHTTP_CALLBACK_STATUS_WRITE_COMPLETE:
    case WINHTTP_CALLBACK_STATUS_HEADERS_AVAILABLE:
      error_ = 0;
      break;
    default:
      return;
  }
  ::SetEvent(done_.get());
}

/// The connection is there and nothing was sent yet: neither a token nor a password goes to a server that the
/// authorities do not vouch for.
void Call::check_server() {
  if (!authorities_) return;
  const CERT_CONTEXT* server = nullptr;
  DWORD size = sizeof server;
  if (!::WinHttpQueryOption(handle_.get(), WINHTTP_OPTION_SERVER_CERT_CONTEXT, &server, &size)) return;  // without TLS
  const bool good = authorities_->vouch_for(server);
  ::CertFreeCertificateContext(server);
  if (good) return;
  distrusted_ = true;
  error_ = ERROR_WINHTTP_SECURE_FAILURE;
  handle_.close();
  ::SetEvent(done_.get());
}

bool Call::open() {
  const std::wstring url = wide(request_.url);
  URL_COMPONENTS parts{};
  parts.dwStructSize = sizeof parts;
  parts.dwHostNameLength = parts.dwUrlPathLength = parts.dwExtraInfoLength = static_cast<DWORD>(-1);
  if (!::WinHttpCrackUrl(url.c_str(), 0, 0, &parts)) fail(::GetLastError());
  const std::wstring host(parts.lpszHostName, parts.dwHostNameLength);
  const std::wstring path(parts.lpszUrlPath, parts.dwUrlPathLength + parts.dwExtraInfoLength);
  connection_.set(::WinHttpConnect(session_, host.c_str(), parts.nPort, 0));
  if (connection_.get() == nullptr) fail(::GetLastError());
  const DWORD secure = parts.nScheme == INTERNET_SCHEME_HTTPS ? WINHTTP_FLAG_SECURE : 0;
  handle_.set(::WinHttpOpenRequest(connection_.get(), wide(request_.method).c_str(), path.c_str(), nullptr,
                                   WINHTTP_NO_REFERER, WINHTTP_DEFAULT_ACCEPT_TYPES,
                                   WINHTTP_FLAG_ESCAPE_DISABLE | secure));
  if (handle_.get() == nullptr) fail(::GetLastError());
  DWORD_PTR self = reinterpret_cast<DWORD_PTR>(this);
  ::WinHttpSetOption(handle_.get(), WINHTTP_OPTION_CONTEXT_VALUE, &self, sizeof self);
  tells_ = true;
  ::WinHttpSetStatusCallback(
      handle_.get(), &Call::notice,
      WINHTTP_CALLBACK_FLAG_ALL_COMPLETIONS | WINHTTP_CALLBACK_FLAG_SEND_REQUEST | WINHTTP_CALLBACK_FLAG_HANDLES, 0);
  // finish() has the limits.
  ::WinHttpSetTimeouts(handle_.get(), 0, static_cast<int>(options_.connect_timeout * 1000), 0, 0);
  DWORD features = WINHTTP_DISABLE_REDIRECTS | WINHTTP_DISABLE_COOKIES | WINHTTP_DISABLE_AUTHENTICATION;
  ::WinHttpSetOption(handle_.get(), WINHTTP_OPTION_DISABLE_FEATURE, &features, sizeof features);
  return secure != 0;
}

void Call::set_security() {
  DWORD ignored = 0;
  if (options_.insecure_tls)
    ignored = SECURITY_FLAG_IGNORE_UNKNOWN_CA | SECURITY_FLAG_IGNORE_CERT_CN_INVALID |
              SECURITY_FLAG_IGNORE_CERT_DATE_INVALID | SECURITY_FLAG_IGNORE_CERT_WRONG_USAGE;
  else if (!options_.ca_file.empty()) {
    authorities_.emplace(options_.ca_file);
    ignored = SECURITY_FLAG_IGNORE_UNKNOWN_CA;  // check_server() knows better
  }
  if (ignored != 0) ::WinHttpSetOption(handle_.get(), WINHTTP_OPTION_SECURITY_FLAGS, &ignored, sizeof ignored);
  if (!options_.client_cert.empty()) {
    client_certificate_.emplace(options_.client_cert);
    ::WinHttpSetOption(handle_.get(), WINHTTP_OPTION_CLIENT_CERT_CONTEXT,
                       const_cast<CERT_CONTEXT*>(client_certificate_->get()), sizeof(CERT_CONTEXT));
  } else {
    ::WinHttpSetOption(handle_.get(), WINHTTP_OPTION_CLIENT_CERT_CONTEXT, WINHTTP_NO_CLIENT_CERT_CONTEXT, 0);
  }
}

void Call::set_headers() {
  for (const Header& header : request_.headers) set_header(header.name + ": " + header.value);
  if (!options_.user.empty() && !options_.password.empty())
    set_header("Authorization: Basic " + base64(options_.user + ":" + options_.password));
  else if (!options_.bearer.empty())
    set_header("Authorization: Bearer " + options_.bearer);
}

void Call::set_header(const std::string& line) {
  const std::wstring text = wide(line);
  if (!::WinHttpAddRequestHeaders(handle_.get(), text.c_str(), static_cast<DWORD>(text.size()),
                                  WINHTTP_ADDREQ_FLAG_ADD | WINHTTP_ADDREQ_FLAG_REPLACE))
    fail(::GetLastError());
}

Response Call::perform() {
  if (open()) set_security();
  set_headers();
  send();
  finish(::WinHttpReceiveResponse(handle_.get(), nullptr), options_.timeout);
  Response response;
  receive_headers(response);
  receive(response);
  return response;
}

std::uint64_t Call::body_size() const {
  if (!request_.file) return request_.body.size();
  const std::int64_t size = ::_fseeki64(request_.file.get(), 0, SEEK_END) == 0 ? ::_ftelli64(request_.file.get()) : -1;
  std::rewind(request_.file.get());
  if (size < 0) throw Error("a file could not be read for the upload to " + request_.url, Error::Kind::other);
  return static_cast<std::uint64_t>(size);
}

void Call::send() {
  const std::uint64_t size = body_size();
  const bool large = size >= most_in_one;
  if (large) set_header("Content-Length: " + std::to_string(size));
  const DWORD total = large ? WINHTTP_IGNORE_REQUEST_TOTAL_LENGTH : static_cast<DWORD>(size);
  char* const body = request_.file || size == 0 ? nullptr : const_cast<char*>(request_.body.data());
  finish(::WinHttpSendRequest(handle_.get(), WINHTTP_NO_ADDITIONAL_HEADERS, 0, body, body == nullptr ? 0 : total, total,
                              reinterpret_cast<DWORD_PTR>(this)),
         options_.timeout + options_.connect_timeout);
  if (request_.file) send_file();
}

void Call::send_file() {
  std::string piece(piece_size, '\0');
  while (const std::size_t n = std::fread(piece.data(), 1, piece.size(), request_.file.get()))
    finish(::WinHttpWriteData(handle_.get(), piece.data(), static_cast<DWORD>(n), nullptr), options_.timeout);
  if (std::ferror(request_.file.get()) != 0)
    throw Error("a file could not be read for the upload to " + request_.url, Error::Kind::other);
}

void Call::receive_headers(Response& response) {
  DWORD status = 0, size = sizeof status;
  if (!::WinHttpQueryHeaders(handle_.get(), WINHTTP_QUERY_STATUS_CODE | WINHTTP_QUERY_FLAG_NUMBER,
                             WINHTTP_HEADER_NAME_BY_INDEX, &status, &size, WINHTTP_NO_HEADER_INDEX))
    fail(::GetLastError());
  response.status = static_cast<int>(status);
  size = 0;
  const auto raw = [&](void* to) {
    return ::WinHttpQueryHeaders(handle_.get(), WINHTTP_QUERY_RAW_HEADERS_CRLF, WINHTTP_HEADER_NAME_BY_INDEX, to, &size,
                                 WINHTTP_NO_HEADER_INDEX);
  };
  raw(nullptr);
  std::wstring lines(size / sizeof(wchar_t), L'\0');
  if (lines.empty() || !raw(lines.data())) return;
  const std::string text = narrow(lines);
  for (std::size_t at = 0, end = 0; (end = text.find("\r\n", at)) != text.npos; at = end + 2) {
    const std::string line = text.substr(at, end - at);
    const std::size_t colon = line.find(':');
    if (colon == line.npos) continue;
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    response.headers.push_back({line.substr(0, colon), value == line.npos ? "" : line.substr(value)});
  }
}

void Call::receive(Response& response) {
  std::string piece(piece_size, '\0');
  do {
    finish(::WinHttpReadData(handle_.get(), piece.data(), static_cast<DWORD>(piece.size()), nullptr), options_.timeout);
    response.body.append(piece, 0, std::min<std::size_t>(size_, largest_body - response.body.size()));
  } while (size_ != 0);
}

void Call::finish(BOOL begun, double seconds) {
  if (!begun && ::GetLastError() != ERROR_IO_PENDING) fail(::GetLastError());
  constexpr DWORD look_around = 100;  // ms
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (::WaitForSingleObject(done_.get(), look_around) != WAIT_OBJECT_0) {
    if (interrupted_) fail(ERROR_WINHTTP_OPERATION_CANCELLED);
    if (std::chrono::steady_clock::now() >= deadline) fail(ERROR_WINHTTP_TIMEOUT);
  }
  if (interrupted_) fail(ERROR_WINHTTP_OPERATION_CANCELLED);
  if (error_ != 0) fail(error_);
}

void Call::fail(DWORD error) const {
  if (distrusted_)
    throw Error(request_.method + " " + request_.url + " got no answer: no certificate of " + options_.ca_file +
                    " vouches for the server",
                Error::Kind::tls);
  std::string why = "error " + std::to_string(error) + " of WinHTTP";
  Error::Kind kind = Error::Kind::other;
  if (interrupted_ || error == ERROR_WINHTTP_OPERATION_CANCELLED) {
    why = "it was interrupted", kind = Error::Kind::interrupted;
  } else if (const auto* known = std::find_if(std::begin(reasons), std::end(reasons),
                                              [&](const Reason& reason) { return reason.error == error; });
             known != std::end(reasons)) {
    why = known->text + (" (" + why + ")"), kind = known->kind;
  }
  throw Error(request_.method + " " + request_.url + " got no answer: " + why, kind);
}

}  // namespace trainer::plugins::http
