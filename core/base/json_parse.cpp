// SPDX-License-Identifier: Apache-2.0
//
// Reading of JSON: Python's NaN and Infinity too, numbers to the last bit, and limits of depth and size.
#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cstdlib>
#include <limits>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/json.hpp"

namespace trainer::json {
namespace {

constexpr std::size_t max_depth = 64;
constexpr std::size_t max_bytes = std::size_t{512} << 20;

// Bare NaN and Infinity become strings before parsing, and numbers after it. In a text that has any, each string is
// marked by its first character: as one of these, or as a string that was there.
constexpr char special_mark = 'n', string_mark = 's';

double special_number(std::string_view name) {
  if (name == "NaN") return std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  return name == "Infinity" ? infinity : -infinity;
}

std::string mark_strings(std::string_view text) {
  std::string out;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\' && i + 1 < text.size()) {
      out += text[i++];
    } else if (text[i] == '"') {
      in_string = !in_string;
      if (in_string) {
        out.append({'"', string_mark});
        continue;
      }
    } else if (!in_string) {
      for (std::string_view name : {"NaN", "Infinity", "-Infinity"}) {
        if (text.substr(i, name.size()) != name) continue;
        out.append({'"', special_mark}).append(name).append("\"");
        i += name.size();
        break;
      }
      if (i >= text.size()) break;
    }
    out += text[i];
  }
  return out;
}

// Builds values from Boost.JSON's events. Its own builder is not used because 1.81 reads doubles
// with up to one unit in the last place of error; here the number's text goes to from_chars.
struct Builder {
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);
  using error_code = boost::json::error_code;
  using string_view = boost::json::string_view;

  struct Frame {
    value container;
    std::string key;
  };
  std::vector<Frame> frames;
  value result;
  std::string text;
  std::string duplicate;
  bool marked = false;

  // The text without its mark, if it has one.
  char take_mark() {
    if (!marked) return string_mark;
    const char mark = text.front();
    text.erase(0, 1);
    return mark;
  }

  bool add(value v, error_code& ec) {
    if (frames.empty()) {
      result = std::move(v);
      return true;
    }
    Frame& top = frames.back();
    if (auto* list = top.container.if_array()) {
      list->push_back(std::move(v));
      return true;
    }
    if (!top.container.get_object().emplace(top.key, std::move(v)).second) {
      duplicate = top.key;
      ec = boost::json::error::syntax;
      return false;
    }
    return true;
  }
  bool close(error_code& ec) {
    value v = std::move(frames.back().container);
    frames.pop_back();
    return add(std::move(v), ec);
  }
  bool number(string_view last, error_code& ec, bool integer) {
    text.append(last.data(), last.size());
    const char* begin = text.data();
    const char* end = begin + text.size();
    value v;
    std::int64_t whole = 0;
    if (integer && std::from_chars(begin, end, whole).ec == std::errc{}) {
      v = whole;
    } else {
      double d = 0;
      if (std::from_chars(begin, end, d).ec == std::errc::result_out_of_range)
        d = std::strtod(text.c_str(), nullptr);  // 1e999 is infinite and 1e-999 zero, as in Python
      v = d;
    }
    text.clear();
    return add(std::move(v), ec);
  }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return frames.push_back({object{}, {}}), true; }
  bool on_object_end(std::size_t, error_code& ec) { return close(ec); }
  bool on_array_begin(error_code&) { return frames.push_back({array{}, {}}), true; }
  bool on_array_end(std::size_t, error_code& ec) { return close(ec); }
  bool on_key_part(string_view s, std::size_t, error_code&) { return text.append(s.data(), s.size()), true; }
  bool on_key(string_view s, std::size_t, error_code& ec) {
    text.append(s.data(), s.size());
    if (take_mark() == special_mark) return ec = boost::json::error::syntax, false;
    frames.back().key = std::move(text);
    text.clear();
    return true;
  }
  bool on_string_part(string_view s, std::size_t, error_code&) { return text.append(s.data(), s.size()), true; }
  bool on_string(string_view s, std::size_t, error_code& ec) {
    text.append(s.data(), s.size());
    value v;
    if (take_mark() == special_mark)
      v = special_number(text);
    else
      v = boost::json::string(text);
    text.clear();
    return add(std::move(v), ec);
  }
  bool on_number_part(string_view s, error_code&) { return text.append(s.data(), s.size()), true; }
  bool on_int64(std::int64_t, string_view s, error_code& ec) { return number(s, ec, true); }
  bool on_uint64(std::uint64_t, string_view s, error_code& ec) { return number(s, ec, true); }
  bool on_double(double, string_view s, error_code& ec) { return number(s, ec, false); }
  bool on_bool(bool b, error_code& ec) { return add(b, ec); }
  bool on_null(error_code& ec) { return add(nullptr, ec); }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }
};

std::string position(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto start = before.rfind('\n');
  const auto column = before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

void check_size(std::uintmax_t bytes, std::string_view where) {
  if (bytes > max_bytes)
    throw_usage(error_id::json_invalid, std::string(where) + " has " + std::to_string(bytes) +
                                            " bytes of JSON, more than the 512 MiB that are read");
}

}  // namespace

value parse(std::string_view text, std::string_view where) {
  check_size(text.size(), where);
  std::string quoted;
  std::string_view source = text;
  if (text.find("NaN") != text.npos || text.find("Infinity") != text.npos) source = quoted = mark_strings(text);
  boost::json::parse_options options;
  options.max_depth = max_depth;
  boost::json::basic_parser<Builder> parser(options);
  parser.handler().marked = !quoted.empty();
  boost::json::error_code ec;
  const std::size_t used = parser.write_some(false, source.data(), source.size(), ec);
  if (!ec && source.find_first_not_of(" \t\r\n", used) != source.npos) ec = boost::json::error::extra_data;
  if (ec) {
    const auto& duplicate = parser.handler().duplicate;
    throw_usage(error_id::json_invalid,
                std::string(where) + " is not valid JSON at " + position(source, used) + ": " +
                    (duplicate.empty() ? ec.message() : "the key \"" + duplicate + "\" appears twice in one object"));
  }
  return std::move(parser.handler().result);
}

std::string read_json_text(const std::filesystem::path& path) {
  std::error_code unknown;
  if (const auto bytes = std::filesystem::file_size(path, unknown); !unknown) check_size(bytes, path.string());
  std::string text = read_file(path);
  if (text.starts_with(byte_order_mark)) text.erase(0, byte_order_mark.size());
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
    throw_usage(error_id::json_invalid, path.string() + " is encoded as UTF-16, expected UTF-8; save it as UTF-8");
  return text;
}

value parse_file(const std::filesystem::path& path) { return parse(read_json_text(path), path.string()); }

}  // namespace trainer::json
