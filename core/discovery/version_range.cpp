// SPDX-License-Identifier: Apache-2.0
#include "discovery/version_range.hpp"

#include <algorithm>

#include "trainer/error.hpp"

namespace trainer {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_identifier(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}

std::string without_zeros(std::string_view digits) {
  return std::string(digits.substr(std::min(digits.find_first_not_of('0'), digits.size() - 1)));
}

std::strong_ordering compare_numbers(const std::string& a, const std::string& b) {
  if (a.size() != b.size()) return a.size() <=> b.size();
  return a.compare(b) <=> 0;
}

// Numbers by size and before words, words by their characters.
std::strong_ordering compare_identifiers(const std::string& a, const std::string& b) {
  const bool a_is = is_number(a), b_is = is_number(b);
  if (a_is && b_is) return compare_numbers(a, b);
  if (a_is != b_is) return a_is ? std::strong_ordering::less : std::strong_ordering::greater;
  return a.compare(b) <=> 0;
}

std::vector<std::string_view> split_at(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

const std::string zero = "0";

const std::string& number_at(const std::vector<std::string>& numbers, std::size_t i) {
  return i < numbers.size() ? numbers[i] : zero;
}

}  // namespace

std::optional<Version> Version::parse(std::string_view text) {
  text = text.substr(0, text.find('+'));
  const auto dash = text.find('-');
  Version out;
  for (const auto number : split_at(text.substr(0, dash), '.')) {
    if (!is_number(number)) return std::nullopt;
    out.numbers_.push_back(without_zeros(number));
  }
  if (dash == text.npos) return out;
  for (const auto part : split_at(text.substr(dash + 1), '.')) {
    if (!is_identifier(part)) return std::nullopt;
    out.pre_release_.push_back(is_number(part) ? without_zeros(part) : std::string(part));
  }
  return out;
}

bool Version::begins_with(const Version& other) const {
  for (std::size_t i = 0; i < other.numbers_.size(); ++i)
    if (number_at(numbers_, i) != other.numbers_[i]) return false;
  return true;
}

bool Version::same_numbers(const Version& other) const { return begins_with(other) && other.begins_with(*this); }

std::strong_ordering Version::operator<=>(const Version& other) const {
  for (std::size_t i = 0; i < std::max(numbers_.size(), other.numbers_.size()); ++i)
    if (const auto order = compare_numbers(number_at(numbers_, i), number_at(other.numbers_, i)); order != 0)
      return order;
  if (pre_release_.empty() || other.pre_release_.empty()) return other.is_pre_release() <=> is_pre_release();
  for (std::size_t i = 0; i < std::min(pre_release_.size(), other.pre_release_.size()); ++i)
    if (const auto order = compare_identifiers(pre_release_[i], other.pre_release_[i]); order != 0) return order;
  return pre_release_.size() <=> other.pre_release_.size();
}

VersionRange VersionRange::parse(std::string_view text, std::string_view where) {
  static constexpr std::pair<std::string_view, Is> signs[] = {
      {"==", Is::equal}, {">=", Is::at_least}, {"<=", Is::at_most}, {">", Is::more}, {"<", Is::less}};
  VersionRange out;
  for (const auto given : split_at(text, ',')) {
    auto part = trimmed(given);
    Is is = Is::like;
    for (const auto& [sign, meaning] : signs)
      if (part.substr(0, sign.size()) == sign) {
        is = meaning;
        part = trimmed(part.substr(sign.size()));
        break;
      }
    const auto version = Version::parse(part);
    if (!version)
      throw_usage(error_id::plugin_version, std::string(where) + " has \"" + std::string(text) +
                                                "\" after the @, expected versions such as 1.2, ==1.2.0 or >=1.2,<2; "
                                                "correct it");
    out.terms_.push_back({is, *version});
  }
  return out;
}

bool VersionRange::takes(std::string_view text) const {
  if (takes_all()) return true;
  const auto version = Version::parse(text);
  return version && std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
           switch (term.is) {
             case Is::like:
               return version->begins_with(term.than) && *version >= term.than;
             case Is::equal:
               return *version == term.than;
             case Is::less:
               return *version < term.than &&
                      !(version->is_pre_release() && !term.than.is_pre_release() && version->same_numbers(term.than));
             case Is::at_most:
               return *version <= term.than;
             case Is::more:
               return *version > term.than;
             case Is::at_least:
               return *version >= term.than;
           }
           return false;
         });
}

PluginName PluginName::parse(std::string_view text, std::string_view where) {
  const auto at = text.find('@');
  PluginName out{std::string(text.substr(0, at)), {}, std::string(text)};
  if (at != text.npos) out.versions = VersionRange::parse(text.substr(at + 1), where);
  return out;
}

}  // namespace trainer
