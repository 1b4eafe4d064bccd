// SPDX-License-Identifier: Apache-2.0
//
// Sends rows in batches, with pauses while the server fails.
#include "sender.hpp"
#include "child/threads.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <trainer/sdk/mask.hpp>
#include <vector>

namespace trainer::trackio {
namespace {

namespace http = plugins::http;

constexpr std::size_t most_rows = 500;  // of one request

http::Options options() {
  http::Options options;
  options.timeout = 10;
  options.connect_timeout = 5;
  return options;
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace

Server parse_server(const std::string& url, const std::string& token) {
  if (url.rfind("http://", 0) != 0 && url.rfind("https://", 0) != 0)
    throw std::invalid_argument("TRACKIO_SERVER_URL is \"" + sdk::masked_url(url) +
                                "\", not an http:// or https:// URL; set the one that `trackio "
                                "show` prints");
  Server server{url.substr(0, url.find('?')), token};
  if (const std::size_t query = url.find('?'); query != url.npos) {
    for (std::size_t at = query + 1; at < url.size();) {
      const std::size_t end = std::min(url.find_first_of("&#", at), url.size());
      if (url.compare(at, 12, "write_token=") == 0)
        server.token = unescape(std::string_view(url).substr(at + 12, end - at - 12));
      at = end + 1;
    }
  }
  while (server.url.back() == '/') server.url.pop_back();
  if (server.token.empty())
    throw std::invalid_argument(
        "a Trackio server needs a write token; add ?write_token=... to TRACKIO_SERVER_URL, or set "
        "TRACKIO_WRITE_TOKEN");
  return server;
}

Sender::Sender(Server server, Warn warn) : server_(std::move(server)), warn_(std::move(warn)), client_(options()) {
  thread_ = child::start_thread("that sends to Trackio", [this] { loop(); });
}

Sender::~Sender() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  client_.interrupt();
  changed_.notify_all();
  thread_.join();
}

void Sender::add(std::string record, std::filesystem::path fragment) {
  const std::lock_guard lock(mutex_);
  if (refused_) return;  // the fragment stays
  rows_.push_back({std::move(record), std::move(fragment)});
  changed_.notify_all();
}

std::size_t Sender::flush(double seconds) {
  std::unique_lock lock(mutex_);
  failures_ = 0;  // no long pause now
  changed_.notify_all();
  changed_.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return rows_.empty() || refused_; });
  return rows_.size();
}

void Sender::loop() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    changed_.wait(lock, [&] { return stop_ || (!rows_.empty() && !refused_); });
    if (stop_) return;
    if (failures_ > 0) {
      const int failures = failures_;
      const double pause = std::min(30.0, 0.5 * static_cast<double>(1 << std::min(failures, 6)));
      changed_.wait_for(lock, std::chrono::duration<double>(pause), [&] { return stop_ || failures_ != failures; });
      if (stop_) return;
    }
    const std::size_t count = std::min(rows_.size(), most_rows);
    std::vector<std::filesystem::path> fragments;
    std::string body = "{\"args\": [], \"kwargs\": {\"logs\": [";
    for (std::size_t i = 0; i < count; ++i) {
      body += (i == 0 ? "" : ", ") + rows_[i].record;
      fragments.push_back(rows_[i].fragment);
    }
    body += "], \"hf_token\": null}}";
    lock.unlock();
    bool final = false;
    const std::string problem = send(body, final);
    std::error_code ignored;
    if (problem.empty())
      for (const auto& fragment : fragments) std::filesystem::remove(fragment, ignored);
    const bool warn = !problem.empty() && (!warned_ || final);
    if (warn)
      warn_("the Trackio server " + server_.url + " " + problem + "; the rows are kept in the inbox" +
            (final ? "" : " and sent when it can be reached"));
    lock.lock();
    warned_ = warned_ || warn;
    failures_ = problem.empty() ? 0 : failures_ + 1;
    refused_ = final;
    if (problem.empty()) rows_.erase(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(count));
    changed_.notify_all();
  }
}

std::string Sender::send(const std::string& body, bool& final) {
  try {
    const http::Response response =
        client_.send({"POST",
                      server_.url + "/api/bulk_log",
                      {{"Content-Type", "application/json"}, {"x-trackio-write-token", server_.token}},
                      body});
    final = response.status >= 400 && response.status < 500 && !http::is_transient(response.status);
    // Trackio answers {"data": null}; anything else says nothing of the rows.
    if (response.status == 200 && response.body.rfind("{\"data\"", 0) == 0) return {};
    http::Options given;
    given.bearer = server_.token;
    return "answered " + std::to_string(response.status) + " " +
           http::without_secrets(response.body, given).substr(0, 200);
  } catch (const std::exception& e) {
    return e.what();
  }
}

}  // namespace trainer::trackio
