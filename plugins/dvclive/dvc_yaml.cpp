// SPDX-License-Identifier: Apache-2.0
//
// Puts DVCLive's entries into a dvc.yaml and leaves all else of it.
#include "dvc_yaml.hpp"

#include <cstddef>
#include <vector>

#include "yaml.hpp"

namespace trainer::dvclive {
namespace {

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end == text.npos ? end : end + 1));
    text.remove_prefix(lines.back().size());
  }
  if (!lines.empty() && lines.back().back() != '\n') lines.back() += '\n';
  return lines;
}

std::size_t indent_of(const std::string& line) { return line.find_first_not_of(' '); }

bool is_blank_or_comment(const std::string& line) {
  const std::size_t at = line.find_first_not_of(" \t\r\n");
  return at == line.npos || line[at] == '#';
}

bool is_item(const std::string& line) {
  const std::size_t at = indent_of(line);
  return at != line.npos && line[at] == '-' && at + 1 < line.size() &&
         std::string_view(" \r\n").find(line[at + 1]) != std::string_view::npos;
}

struct Section {
  std::string key;  // empty before the first key
  std::vector<std::string> lines;
};

/// False for a file whose top level is not a plain block mapping.
bool split_sections(std::string_view text, std::vector<Section>& sections) {
  sections.assign(1, {});
  for (std::string& line : split_lines(text)) {
    const bool top = !is_blank_or_comment(line) && indent_of(line) == 0 && !is_item(line);
    const bool document = line.substr(0, 3) == "---";
    if (top && document && sections.size() > 1) return false;
    if (top && !document) {
      const std::size_t colon = line.find(':');
      if (colon == line.npos || std::string_view("{[%?&*!|>\t").find(line[0]) != std::string_view::npos) return false;
      std::string key = line.substr(0, colon);
      if (key.size() > 1 && (key[0] == '"' || key[0] == '\'')) key = key.substr(1, key.size() - 2);
      sections.push_back({key, {}});
    }
    sections.back().lines.push_back(std::move(line));
  }
  return true;
}

/// An entry of ours: a path with the marker, or a mapping of one such path.
bool is_stale(const std::vector<std::string>& item, const std::string& marker) {
  if (item[0].find(marker) == std::string::npos) return false;
  const std::size_t key = item[0].find_first_not_of(' ', indent_of(item[0]) + 1);
  for (std::size_t i = 1; i < item.size(); ++i)
    if (!is_blank_or_comment(item[i]) && indent_of(item[i]) <= key) return false;  // a second key
  return true;
}

/// Takes stale items out and appends `added`, at the indent of the list's items.
bool update_list(Section& section, const std::string& added, const std::string& marker) {
  const std::string& head = section.lines[0];
  const std::string rest = head.substr(head.find(':') + 1);
  if (!is_blank_or_comment(rest)) {
    const std::size_t at = rest.find_first_not_of(" \t");
    const bool empty = rest.substr(at, 2) == "[]" && is_blank_or_comment(rest.substr(at + 2));
    if (!empty) return false;
    section.lines[0] = section.key + ":\n";
  }
  std::vector<std::string> kept{section.lines[0]}, item, tail;
  std::size_t indent = 0;
  bool seen = false;
  const auto finish = [&] {
    if (!item.empty() && !is_stale(item, marker)) kept.insert(kept.end(), item.begin(), item.end());
    item.clear();
  };
  for (std::size_t i = 1; i < section.lines.size(); ++i) {
    const std::string& line = section.lines[i];
    if (is_blank_or_comment(line)) {
      tail.push_back(line);
      continue;
    }
    const bool starts = is_item(line) && (!seen || indent_of(line) == indent);
    if (!starts && !seen) return false;  // not a list
    if (starts) {
      indent = indent_of(line);
      seen = true;
      finish();
      kept.insert(kept.end(), tail.begin(), tail.end());
    } else {
      item.insert(item.end(), tail.begin(), tail.end());
    }
    tail.clear();
    item.push_back(line);
  }
  finish();
  for (const std::string& line : split_lines(added)) kept.push_back(std::string(indent, ' ') + line);
  const bool empty = kept.size() == 1;
  kept.insert(kept.end(), tail.begin(), tail.end());
  if (empty) kept.erase(kept.begin());
  section.lines = std::move(kept);
  return true;
}

std::size_t indent_or_end(const std::string& line) {
  return is_blank_or_comment(line) ? std::string::npos : indent_of(line);
}

/// Takes entries of `artifacts` out whose path is below the marker or whose name comes anew.
bool update_artifacts(Section& section, const std::string& added, const DvcEntries& entries) {
  const std::string& head = section.lines[0];
  const std::string rest = head.substr(head.find(':') + 1);
  if (!is_blank_or_comment(rest)) {
    const std::size_t at = rest.find_first_not_of(" \t");
    if (rest.substr(at, 2) != "{}" || !is_blank_or_comment(rest.substr(at + 2))) return false;
    section.lines[0] = section.key + ":\n";
  }
  std::vector<std::string> kept{section.lines[0]};
  std::size_t indent = 0;
  for (std::size_t i = 1; i < section.lines.size();) {
    const std::size_t at = indent_or_end(section.lines[i]);
    if (at == std::string::npos) {
      kept.push_back(section.lines[i++]);
      continue;
    }
    if (indent == 0) indent = at;
    const std::string& line = section.lines[i];
    const std::size_t colon = line.find(':');
    if (at != indent || is_item(line) || colon == line.npos) return false;  // not a block of maps
    std::size_t end = i + 1;
    while (end < section.lines.size() && indent_or_end(section.lines[end]) > indent) ++end;
    bool ours = entries.models.count(line.substr(at, colon - at)) > 0;
    for (std::size_t k = i; k < end; ++k) ours = ours || section.lines[k].find(entries.marker) != std::string::npos;
    if (!ours)
      kept.insert(kept.end(), section.lines.begin() + static_cast<std::ptrdiff_t>(i),
                  section.lines.begin() + static_cast<std::ptrdiff_t>(end));
    i = end;
  }
  for (const std::string& line : split_lines(added))
    kept.push_back(std::string(indent == 0 ? 0 : indent - 2, ' ') + line);
  if (kept.size() == 1) kept.clear();
  section.lines = std::move(kept);
  return true;
}

std::string artifacts_text(const DvcEntries& entries) {
  std::string text;
  for (const auto& [name, path] : entries.models) {
    text += "  ";
    append_yaml_string(text, name);
    text += ":\n    path: ";
    append_yaml_string(text, path);
    text += "\n    type: model\n";
  }
  return text;
}

std::string item_text(const std::string& path, const char* options) {
  if (path.empty()) return {};
  std::string text = "- ";
  append_yaml_string(text, path);
  return text + options + "\n";
}

}  // namespace

std::optional<std::string> merge_dvc_yaml(std::string_view existing, const DvcEntries& entries) {
  std::vector<Section> sections;
  if (!split_sections(existing, sections)) return std::nullopt;
  const std::pair<const char*, std::string> lists[] = {{"params", item_text(entries.params, "")},
                                                       {"metrics", item_text(entries.metrics, "")},
                                                       {"plots", item_text(entries.plots, ":\n    x: step")},
                                                       {"artifacts", artifacts_text(entries)}};
  for (const auto& [key, added] : lists) {
    Section* found = nullptr;
    for (Section& section : sections)
      if (section.key == key) found = &section;
    if (found == nullptr && added.empty()) continue;
    if (found == nullptr) {
      sections.push_back({key, split_lines(key + std::string(":\n") + added)});
    } else if (key == std::string_view("artifacts") ? !update_artifacts(*found, added, entries)
                                                    : !update_list(*found, added, entries.marker)) {
      return std::nullopt;
    }
  }
  std::string text;
  for (const Section& section : sections)
    for (const std::string& line : section.lines) text += line;
  return text.empty() ? "{}\n" : text;
}

}  // namespace trainer::dvclive
