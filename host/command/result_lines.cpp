// SPDX-License-Identifier: Apache-2.0
#include "command/result_lines.hpp"

#include "command/print.hpp"

namespace trainer::command {
namespace {

bool is_page(const PluginResult& result) { return !is_url(result.place) && result.place.ends_with(".html"); }

std::string with_place(std::string view, const std::string& place) {
  constexpr std::string_view word = "{place}";
  const std::string text = shell_word(place);
  for (auto at = view.find(word); at != view.npos; at = view.find(word, at + text.size()))
    view.replace(at, word.size(), text);
  return view;
}

}  // namespace

std::vector<report::Result> readable(const std::vector<PluginResult>& results) {
  std::vector<report::Result> out;
  for (const PluginResult& one : results)
    out.push_back({one.label, is_page(one) ? file_url(one.place) : one.place, with_place(one.view, one.place)});
  return out;
}

std::vector<std::filesystem::path> pages_of(const std::vector<PluginResult>& results) {
  std::vector<std::filesystem::path> pages;
  for (const PluginResult& one : results)
    if (is_page(one)) pages.emplace_back(one.place);
  return pages;
}

}  // namespace trainer::command
