// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include <algorithm>
#include <cstdint>

#include "trainer/error.hpp"

namespace trainer {

namespace {

// "avg" of "average", "roc" of "roc_auc": the same first letter, and the others in order.
bool abbreviates(std::string_view name, std::string_view candidate) {
  if (name.size() < 3 || candidate.size() <= name.size() || name[0] != candidate[0]) return false;
  std::size_t at = 0;
  for (const char c : candidate) at += at < name.size() && c == name[at];
  return at == name.size();
}

}  // namespace

std::string nearest(std::string_view name, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const auto [shorter, longer] = std::minmax({name.size(), candidate.size()});
    if (longer - shorter >= best_distance) continue;  // a name of a megabyte is near to nothing
    std::vector<std::size_t> row(candidate.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= name.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j < row.size(); ++j) {
        const std::size_t change = diagonal + (name[i - 1] != candidate[j - 1]);
        diagonal = row[j];
        row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
      }
    }
    if (row.back() < best_distance) best_distance = row.back(), best = candidate;
  }
  if (!best.empty() && best_distance <= 1) return best;
  for (const auto& candidate : candidates)
    if (abbreviates(name, candidate)) return candidate;
  return best;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string hexadecimal(const unsigned char* bytes, std::size_t count) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < count; ++i) (text += digits[bytes[i] >> 4]) += digits[bytes[i] & 15];
  return text;
}

std::string shortened(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t end = most - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

namespace {

// The character of UTF-8 at `i`, and how many bytes it has; 0 when there is none.
std::size_t decode(std::string_view text, std::size_t i, std::uint32_t& code) {
  const auto byte = static_cast<unsigned char>(text[i]);
  const int more = byte < 0x80 ? 0 : byte < 0xc2 ? -1 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : byte < 0xf5 ? 3 : -1;
  if (more < 0 || i + more >= text.size()) return 0;
  code = more ? byte & (0x3fu >> more) : byte;
  for (int k = 1; k <= more; ++k) {
    const auto next = static_cast<unsigned char>(text[i + k]);
    if ((next & 0xc0) != 0x80) return 0;
    code = code << 6 | (next & 0x3f);
  }
  const bool overlong = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
  if (overlong || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return 0;
  return static_cast<std::size_t>(more) + 1;
}

// Controls (C0, DEL, C1), ends of lines and paragraphs, and what sets the direction of writing.
bool is_control(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200e || code == 0x200f ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

std::string escaped(std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    std::uint32_t code = 0;
    const std::size_t size = decode(text, i, code);
    if (size > 0 && !is_control(code)) {
      out.append(text.substr(i, size));
    } else if (code == '\n' && size == 1) {
      out += "\\n";
    } else {
      const bool one_byte = size == 0 || code < 0x100;
      const std::uint32_t shown = size == 0 ? static_cast<unsigned char>(text[i]) : code;
      out += one_byte ? "\\x" : "\\u";
      for (int shift = one_byte ? 4 : 12; shift >= 0; shift -= 4) out += hex[shown >> shift & 15];
    }
    i += std::max<std::size_t>(size, 1);
  }
  return out;
}

bool is_inside_character(char c) { return (c & 0xc0) == 0x80; }

}  // namespace

std::string on_one_line(std::string_view text, std::size_t longest) {
  if (text.size() <= longest)
    if (std::string whole = escaped(text); whole.size() <= longest) return whole;
  const std::size_t looked_at = std::min(text.size(), longest);
  std::string first = escaped(text.substr(0, looked_at)), last = escaped(text.substr(text.size() - looked_at));
  std::size_t head = longest / 2, tail = last.size() - longest / 4;
  while (is_inside_character(first[head])) --head;
  while (is_inside_character(last[tail])) ++tail;
  return first.substr(0, head) + " ... (" + std::to_string(text.size()) + " bytes) ... " + last.substr(tail);
}

std::size_t utf8_character(std::string_view text, std::uint32_t& code) {
  return text.empty() ? 0 : decode(text, 0, code);
}

bool is_utf8(std::string_view text) {
  std::uint32_t code = 0;
  for (std::size_t i = 0, size; i < text.size(); i += size)
    if ((size = decode(text, i, code)) == 0) return false;
  return true;
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const auto& word : words) text.append(text.empty() ? "" : separator).append(word);
  return text;
}

}  // namespace trainer
