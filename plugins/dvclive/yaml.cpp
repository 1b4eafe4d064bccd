// SPDX-License-Identifier: Apache-2.0
//
// Writes a tree as ruamel.yaml does.
#include "yaml.hpp"

#include "scalar.hpp"

namespace trainer::dvclive {
namespace {

using plugins::JsonTree;
using Kind = JsonTree::Kind;

constexpr std::size_t line_width = 80;           // a longer line is folded at a space
constexpr std::size_t longest_simple_key = 122;  // a longer one is written after "? "

class Emitter {
 public:
  std::string take() { return std::move(out_); }

  void mapping(const JsonTree& object, std::size_t indent) {
    for (std::size_t i = 0; i < object.items.size(); ++i) {
      start_line(indent);
      const std::u32string key = plugins::decode_utf8(object.keys[i]);
      const bool ambiguous = is_ambiguous_plain(object.keys[i]);
      const bool simple = key.size() <= longest_simple_key && !scalar_traits(key).multiline;
      if (!simple) indicator("?", true, true);
      scalar(key, scalar_style(key, simple, ambiguous), indent + 2, !simple);
      if (!simple) start_line(indent);
      indicator(":", !simple, !simple);
      value(object.items[i], indent, simple ? indent : indent + 2);
    }
  }

  void string(const std::u32string& text, Style style) { scalar(text, style, 0, false); }

 private:
  void value(const JsonTree& tree, std::size_t indent, std::size_t list_indent) {
    if (tree.kind == Kind::list && !tree.items.empty()) {
      list(tree, list_indent);
    } else if (tree.kind == Kind::object && !tree.items.empty()) {
      mapping(tree, indent + 2);
    } else {
      leaf(tree, indent + 2);
    }
  }

  void list(const JsonTree& tree, std::size_t indent) {
    for (const JsonTree& item : tree.items) {
      start_line(indent);
      indicator("-", true, true);
      const bool empty_or_scalar = item.items.empty() && item.kind != Kind::list && item.kind != Kind::object;
      if (empty_or_scalar) start_line(indent + 2);
      value(item, indent, indent + 2);
    }
  }

  void leaf(const JsonTree& tree, std::size_t indent) {
    if (tree.kind == Kind::list) return indicator("[]", true, false);
    if (tree.kind == Kind::object) return indicator("{}", true, false);
    const std::u32string text = plugins::decode_utf8(tree.text);
    if (tree.kind == Kind::string) {
      const Style style = scalar_style(text, false, is_ambiguous_plain(tree.text));
      return scalar(text, style, indent, true);
    }
    if (tree.text == "NaN") return plain(U".nan", indent, true);
    if (tree.text == "Infinity") return plain(U".inf", indent, true);
    if (tree.text == "-Infinity") return plain(U"-.inf", indent, true);
    plain(text, indent, true);
  }

  void scalar(const std::u32string& text, Style style, std::size_t indent, bool fold) {
    if (style == Style::plain) return plain(text, indent, fold);
    if (style == Style::single_quoted) return single_quoted(text, indent, fold);
    double_quoted(text, indent, fold);
  }

  void put(std::u32string_view text) {
    for (const char32_t c : text) plugins::append_utf8(out_, c);
    column_ += text.size();
  }

  void indicator(const char* text, bool needs_space, bool keeps_indention) {
    if (needs_space && !white_) out_ += ' ', ++column_;
    out_ += text;
    column_ += std::string_view(text).size();
    white_ = false;
    indention_ = indention_ && keeps_indention;
  }

  void new_line() {
    out_ += '\n';
    column_ = 0;
    white_ = indention_ = true;
  }

  /// Goes on at `indent` of this line when only indicators are before it, else of a new one.
  void start_line(std::size_t indent) {
    if (!indention_ || column_ > indent || (column_ == indent && !white_)) new_line();
    if (column_ >= indent) return;
    out_.append(indent - column_, ' ');
    column_ = indent;
    white_ = true;
  }

  void fold_line(std::size_t indent) {
    start_line(indent);
    white_ = indention_ = false;
  }

  /// The words of the text, each with the run of spaces before it, in one of the two unescaped styles.
  template <typename Word, typename Fold>
  void words(const std::u32string& text, std::size_t indent, Word word, Fold may_fold) {
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = text.find(U' ', at);
      if (end == text.npos) end = text.size();
      word(std::u32string_view(text).substr(at, end - at));
      at = text.find_first_not_of(U' ', end);
      if (at == text.npos) at = text.size();
      if (at == end + 1 && may_fold(end, at))
        fold_line(indent);
      else
        put(std::u32string_view(text).substr(end, at - end));
    }
  }

  void plain(const std::u32string& text, std::size_t indent, bool fold) {
    if (text.empty()) return;
    if (!white_) out_ += ' ', ++column_;
    white_ = indention_ = false;
    words(
        text, indent,
        [&](std::u32string_view word) {
          // A word longer than the line has a line of its own.
          if (fold && column_ + word.size() > line_width && column_ > indent) start_line(indent);
          put(word);
        },
        [&](std::size_t, std::size_t) { return fold && column_ >= line_width; });
    white_ = indention_ = false;
  }

  void single_quoted(const std::u32string& text, std::size_t indent, bool fold) {
    indicator("'", true, false);
    words(
        text, indent, [&](std::u32string_view word) { put(word); },
        [&](std::size_t begin, std::size_t end) {
          return fold && column_ > line_width && begin != 0 && end != text.size();
        });
    indicator("'", false, false);
  }

  void double_quoted(const std::u32string& text, std::size_t indent, bool fold);

  std::string out_;
  std::size_t column_ = 0;
  bool white_ = true;      // at the start of a line or after a space
  bool indention_ = true;  // only white space and indicators so far in this line
};

/// A line is folded before a space. Where the fold itself would not be read as just that space, the
/// line ends in a backslash.
void Emitter::double_quoted(const std::u32string& text, std::size_t indent, bool fold) {
  indicator("\"", true, false);
  std::size_t start = 0;  // what is before it is written
  for (std::size_t end = 0; end <= text.size(); ++end) {
    const bool last = end == text.size();
    if (last || needs_escape(text[end])) {
      put(std::u32string_view(text).substr(start, end - start));
      start = end;
      if (!last) {
        const std::size_t size = out_.size();
        append_escape(out_, text[end]);
        column_ += out_.size() - size;
        start = end + 1;
      }
    }
    const bool inside = end > 0 && end + 1 < text.size();
    if (!fold || !inside || !(text[end] == ' ' || start >= end) || column_ + end <= line_width + start) continue;
    bool backslash = true;
    if (const std::size_t space = text.find(U' ', end); space != text.npos) {
      std::size_t stop = text.find(U'\n', end);
      if (stop == text.npos || stop >= space) stop = space;
      const std::u32string between = text.substr(end, stop - end);
      const char32_t next = stop + 1 < text.size() ? text[stop + 1] : U'\n';
      if (!(text[stop] == '\n' && next != ' ') && between.find_first_of(U"\"'") == between.npos && next != ' ' &&
          next != '\n' && text.substr(end - 1, 2) != U"  " && start != end)
        backslash = false;
    }
    if (start < end) {
      put(std::u32string_view(text).substr(start, end - start));
      start = end;
    }
    if (backslash) out_ += '\\', ++column_;
    fold_line(indent);
    if (start < text.size() && text[start] == ' ') {
      if (backslash)
        out_ += '\\', ++column_;
      else
        ++start;
    }
  }
  indicator("\"", false, false);
}

}  // namespace

std::string to_yaml(const JsonTree& object) {
  if (object.items.empty()) return "{}\n";
  Emitter emitter;
  emitter.mapping(object, 0);
  return emitter.take() + "\n";
}

void append_yaml_string(std::string& out, std::string_view utf8) {
  const std::u32string text = plugins::decode_utf8(utf8);
  Emitter emitter;
  emitter.string(text, scalar_style(text, true, is_ambiguous_plain(utf8)));
  out += emitter.take();
}

}  // namespace trainer::dvclive
