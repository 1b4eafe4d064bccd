// SPDX-License-Identifier: Apache-2.0
//
// mask.hpp - addresses without what must not be read by everybody: http://me:secret@host/?token=abc becomes
// http://<USER>:<PASSWORD>@host/?token=<TOKEN>, as a hub_token is written <HUB_TOKEN>.
//
// Sentences that a plugin logs or throws go through masked() by themselves; what it writes into a file does not.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace trainer::sdk {
namespace masking {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// "<NAME>" for "name".
inline std::string placeholder(std::string_view name) {
  std::string out = "<";
  for (const char c : name)
    out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : is_digit(c) || (c >= 'A' && c <= 'Z') ? c : '_';
  return out + ">";
}

/// Of what follows a question mark: the names stay.
inline void append_query(std::string& out, std::string_view query) {
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find_first_of("&;"));
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos)
      out += part.empty() ? "" : "<QUERY>";
    else
      out.append(part, 0, equals + 1).append(equals + 1 == part.size() ? "" : placeholder(part.substr(0, equals)));
    query.remove_prefix(part.size());
    if (query.empty()) break;
    out += query.front();
    query.remove_prefix(1);
  }
}

/// Of an address what follows its scheme.
inline void append_rest(std::string& out, std::string_view rest) {
  constexpr auto none = std::string_view::npos;
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  const std::size_t colon = rest.substr(0, end).find(':');
  const bool has_port = colon != none && std::all_of(rest.begin() + colon + 1, rest.begin() + end, is_digit);
  std::size_t at = rest.substr(0, end).rfind('@');
  // A password may hold what ends a host.
  if (at == none && colon != none && !has_port && rest[0] != '[') at = rest.rfind('@');
  if (at != none) {
    out += rest.substr(0, at).find(':') == none ? "<USER>@" : "<USER>:<PASSWORD>@";
    rest.remove_prefix(at + 1);
  }
  const std::size_t question = std::min(rest.find('?'), rest.size()), hash = std::min(rest.find('#'), rest.size());
  out += rest.substr(0, std::min(question, hash));
  if (question < hash) {
    out += '?';
    append_query(out, rest.substr(question + 1, hash - question - 1));
  }
  if (hash < rest.size()) out += hash + 1 == rest.size() ? "#" : "#<FRAGMENT>";
}

}  // namespace masking

/// An address, with a scheme or without one.
inline std::string masked_url(std::string_view url) {
  const std::size_t scheme = url.find("://");
  std::string out(url.substr(0, scheme == std::string_view::npos ? 0 : scheme + 3));
  masking::append_rest(out, url.substr(out.size()));
  return out;
}

/// A sentence, in which addresses are words with "://" in them, or with a slash first and a question mark: a path that
/// a server was asked for.
inline std::string masked(std::string_view text) {
  constexpr auto none = std::string_view::npos;
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(text.find_first_of(" \t\r\n\"'`<>", at), text.size());
    std::string_view word = text.substr(at, end - at), marks = word;  // of the sentence, behind the word
    word = word.substr(0, word.find_last_not_of(".,:;!)]}") + 1);
    marks.remove_prefix(word.size());
    const std::size_t scheme = word.find("://"), path = word.find_first_not_of("([{");
    const std::size_t begin = scheme != none                                                ? scheme + 3
                              : path != none && word[path] == '/' && word.find('?') != none ? path
                                                                                            : word.size();
    out += word.substr(0, begin);
    masking::append_rest(out, word.substr(begin));
    out += marks;
    if (end < text.size()) out += text[end++];
    at = end;
  }
  return out;
}

}  // namespace trainer::sdk
