// SPDX-License-Identifier: Apache-2.0
//
// Reads a JSON text into a tree.
#include <stdexcept>

#include "shared/json_tree/json_tree.hpp"

namespace trainer::plugins {
namespace {

constexpr int max_depth = 200;  // far beyond any configuration; bounds the recursion

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  JsonTree document() {
    JsonTree tree = value(0);
    space();
    if (at_ != text_.size()) fail("the end");
    return tree;
  }

 private:
  [[noreturn]] void fail(const char* expected) const {
    throw std::invalid_argument("JSON, byte " + std::to_string(at_) + ": expected " + expected);
  }

  void space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }

  bool take(std::string_view token) {
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }

  JsonTree value(int depth) {
    if (depth > max_depth) fail("less nesting");
    space();
    JsonTree tree;
    if (take("{")) {
      tree.kind = JsonTree::Kind::object;
      members(tree, depth);
    } else if (take("[")) {
      tree.kind = JsonTree::Kind::list;
      elements(tree, depth);
    } else if (take("\"")) {
      tree.kind = JsonTree::Kind::string;
      tree.text = string();
    } else if (take("true") || take("false")) {
      tree.kind = JsonTree::Kind::boolean;
      tree.text = text_[at_ - 2] == 'u' ? "true" : "false";
    } else if (!take("null")) {
      tree.kind = JsonTree::Kind::number;
      tree.text = number();
    }
    return tree;
  }

  void elements(JsonTree& tree, int depth) {
    space();
    if (take("]")) return;
    do {
      tree.items.push_back(value(depth + 1));
      space();
    } while (take(","));
    if (!take("]")) fail("a comma or ]");
  }

  void members(JsonTree& tree, int depth) {
    space();
    if (take("}")) return;
    do {
      space();
      if (!take("\"")) fail("a key in quotes");
      tree.keys.push_back(string());
      space();
      if (!take(":")) fail("a colon");
      tree.items.push_back(value(depth + 1));
      space();
    } while (take(","));
    if (!take("}")) fail("a comma or }");
  }

  std::string number() {
    for (const char* word : {"NaN", "Infinity", "-Infinity"})
      if (take(word)) return word;
    const std::size_t begin = at_;
    while (at_ < text_.size() && std::string_view("+-.0123456789eE").find(text_[at_]) != text_.npos) ++at_;
    if (begin == at_) fail("a value");
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string string() {
    std::string out;
    for (;;) {
      const std::size_t end = text_.find_first_of("\"\\", at_);
      if (end == text_.npos) fail("the end of the string");
      out += text_.substr(at_, end - at_);
      at_ = end + 1;
      if (text_[end] == '"') return out;
      escape(out);
    }
  }

  void escape(std::string& out) {
    static constexpr std::string_view names = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
    if (at_ >= text_.size()) fail("an escape");
    const char name = text_[at_++];
    if (const std::size_t i = names.find(name); i != names.npos) {
      out += values[i];
      return;
    }
    if (name != 'u') fail("an escape");
    char32_t c = unit();
    if (c >= 0xD800 && c < 0xDC00 && take("\\u")) {
      const char32_t low = unit();
      c = low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00) : 0xFFFD;
    }
    append_utf8(out, c >= 0xD800 && c < 0xE000 ? 0xFFFD : c);
  }

  char32_t unit() {
    char32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      static constexpr std::string_view digits = "0123456789abcdef";
      const char c = at_ < text_.size() ? text_[at_] : ' ';
      const std::size_t digit = digits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c);
      if (digit == digits.npos) fail("four hexadecimal digits");
      value = value * 16 + static_cast<char32_t>(digit);
      ++at_;
    }
    return value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

JsonTree parse_json(std::string_view text) { return Parser(text).document(); }

const JsonTree* JsonTree::find(std::string_view key) const {
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (keys[i] == key) return &items[i];
  return nullptr;
}

JsonTree& JsonTree::operator[](std::string_view key) {
  kind = Kind::object;
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (keys[i] == key) return items[i];
  keys.emplace_back(key);
  return items.emplace_back();
}

}  // namespace trainer::plugins
