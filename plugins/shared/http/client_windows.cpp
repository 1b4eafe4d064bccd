// SPDX-License-Identifier: Apache-2.0
//
// A session of WinHTTP, which is part of Windows.
#include <algorithm>
#include <tuple>

#include "shared/http/call_windows.hpp"
#include "shared/http/client.hpp"
#include "shared/system/environment.hpp"

namespace trainer::plugins::http {
namespace {

/// As curl reads them; "host:port", empty without one.
std::string proxy_of(const char* small, const char* large) {
  std::string proxy = variable(small);
  if (proxy.empty() && large != nullptr) proxy = variable(large);
  if (const std::size_t scheme = proxy.find("://"); scheme != proxy.npos) proxy.erase(0, scheme + 3);
  while (!proxy.empty() && proxy.back() == '/') proxy.pop_back();
  return proxy;
}

/// WinHTTP's list: "http=proxy:3128;https=proxy:3128".
std::wstring proxies() {
  std::string all = proxy_of("ALL_PROXY", nullptr), list;
  for (const auto& [scheme, small, large] :
       {std::tuple{"http", "http_proxy", "HTTP_PROXY"}, std::tuple{"https", "https_proxy", "HTTPS_PROXY"}}) {
    std::string proxy = proxy_of(small, large);
    if (proxy.empty()) proxy = all;
    if (!proxy.empty()) list += (list.empty() ? "" : ";") + std::string(scheme) + "=" + proxy;
  }
  return windows::wide(list);
}

/// ".example.com,localhost" as "*.example.com;localhost".
std::wstring no_proxies() {
  std::string hosts = variable("NO_PROXY"), list;
  for (std::size_t begin = 0, end = 0; begin < hosts.size(); begin = end + 1) {
    end = std::min(hosts.find(',', begin), hosts.size());
    std::string host = hosts.substr(begin, end - begin);
    std::erase(host, ' ');
    if (host.empty()) continue;
    if (host.front() == '.') host.insert(0, 1, '*');
    list += (list.empty() ? "" : ";") + host;
  }
  return windows::wide(list);
}

}  // namespace

std::string library_problem() { return {}; }

Client::Client(Options options) : options_(std::move(options)) {
  const std::wstring agent = windows::wide(options_.user_agent), named = proxies(), but = no_proxies();
  if (!named.empty()) {
    handle_ = ::WinHttpOpen(agent.c_str(), WINHTTP_ACCESS_TYPE_NAMED_PROXY, named.c_str(),
                            but.empty() ? WINHTTP_NO_PROXY_BYPASS : but.c_str(), WINHTTP_FLAG_ASYNC);
  } else {
    for (const DWORD kind : {WINHTTP_ACCESS_TYPE_AUTOMATIC_PROXY, WINHTTP_ACCESS_TYPE_DEFAULT_PROXY})
      if (handle_ == nullptr)
        handle_ =
            ::WinHttpOpen(agent.c_str(), kind, WINHTTP_NO_PROXY_NAME, WINHTTP_NO_PROXY_BYPASS, WINHTTP_FLAG_ASYNC);
  }
  if (handle_ == nullptr)
    throw Error("WinHTTP does not start (error " + std::to_string(::GetLastError()) + "); restart Windows",
                Error::Kind::other);
}

Client::~Client() { ::WinHttpCloseHandle(handle_); }

Response Client::send(const Request& request) { return Call(handle_, options_, interrupted_, request).perform(); }

}  // namespace trainer::plugins::http
