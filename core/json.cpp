// SPDX-License-Identifier: Apache-2.0
#include "trainer/json.hpp"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>
#include <limits>

#include "trainer/error.hpp"
#include "trainer/files.hpp"

namespace trainer::json {
namespace {

constexpr std::size_t max_depth = 64;
constexpr std::size_t max_bytes = std::size_t{64} << 20;

// Bare NaN and Infinity become strings with this prefix before parsing, and numbers after it. The
// prefix is a private-use character, which no name or text of ours contains.
constexpr std::string_view special_prefix = "\xee\x80\x80trainer:";

double special_number(std::string_view name) {
  if (name == "NaN") return std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  return name == "Infinity" ? infinity : -infinity;
}

std::string quote_special_numbers(std::string_view text) {
  std::string out;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\' && i + 1 < text.size()) {
      out += text[i++];
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (!in_string) {
      for (std::string_view name : {"NaN", "Infinity", "-Infinity"}) {
        if (text.substr(i, name.size()) != name) continue;
        out.append("\"").append(special_prefix).append(name).append("\"");
        i += name.size();
        break;
      }
      if (i >= text.size()) break;
    }
    out += text[i];
  }
  return out;
}

// Builds values from Boost.JSON's events. Its own builder is not used because 1.81 reads doubles with
// up to one unit in the last place of error; here the number's text goes to from_chars.
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
  bool on_key(string_view s, std::size_t, error_code&) {
    text.append(s.data(), s.size());
    frames.back().key = std::move(text);
    text.clear();
    return true;
  }
  bool on_string_part(string_view s, std::size_t, error_code&) { return text.append(s.data(), s.size()), true; }
  bool on_string(string_view s, std::size_t, error_code& ec) {
    text.append(s.data(), s.size());
    value v;
    if (text.compare(0, special_prefix.size(), special_prefix) == 0)
      v = special_number(std::string_view(text).substr(special_prefix.size()));
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

void append_escaped(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  auto unit = [&](unsigned code) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += hex[(code >> shift) & 15];
  };
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    switch (byte) {
      case '"': out += "\\\""; ++i; continue;
      case '\\': out += "\\\\"; ++i; continue;
      case '\n': out += "\\n"; ++i; continue;
      case '\r': out += "\\r"; ++i; continue;
      case '\t': out += "\\t"; ++i; continue;
      case '\b': out += "\\b"; ++i; continue;
      case '\f': out += "\\f"; ++i; continue;
      default: break;
    }
    if (byte >= 0x20 && byte < 0x7f) {
      out += text[i++];
      continue;
    }
    unsigned code = byte;
    const int more = byte < 0x80 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    if (more) code = byte & (0x3f >> more);
    for (int k = 1; k <= more && i + k < text.size(); ++k)
      code = code << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3f);
    i += more + 1;
    if (code < 0x10000) {
      unit(code);
    } else {
      unit(0xd800 + ((code - 0x10000) >> 10));
      unit(0xdc00 + ((code - 0x10000) & 0x3ff));
    }
  }
  out += '"';
}

class Writer {
 public:
  Writer(std::string& out, const Layout& layout) : out_(out), layout_(layout) {}

  void write(const value& v, int level) {
    switch (v.kind()) {
      case boost::json::kind::null: out_ += "null"; break;
      case boost::json::kind::bool_: out_ += v.get_bool() ? "true" : "false"; break;
      case boost::json::kind::int64: out_ += std::to_string(v.get_int64()); break;
      case boost::json::kind::uint64: out_ += std::to_string(v.get_uint64()); break;
      case boost::json::kind::double_: out_ += repr_json(v.get_double()); break;
      case boost::json::kind::string: append_escaped(out_, {v.get_string().data(), v.get_string().size()}); break;
      case boost::json::kind::array: write_array(v.get_array(), level); break;
      case boost::json::kind::object: write_object(v.get_object(), level); break;
    }
  }

 private:
  static std::string repr_json(double d) {
    if (std::isnan(d)) return "NaN";
    if (std::isinf(d)) return d > 0 ? "Infinity" : "-Infinity";
    return repr(d);
  }
  void item(bool first, int level) {
    if (!first) out_ += ',';
    if (layout_.indent >= 0)
      out_.append("\n").append(static_cast<std::size_t>(layout_.indent * level), ' ');
    else if (!first && !layout_.compact)
      out_ += ' ';
  }
  void write_array(const array& list, int level) {
    out_ += '[';
    for (std::size_t i = 0; i < list.size(); ++i) item(i == 0, level + 1), write(list[i], level + 1);
    if (!list.empty()) end(level);
    out_ += ']';
  }
  void write_object(const object& o, int level) {
    std::vector<const object::value_type*> order;
    for (const auto& entry : o) order.push_back(&entry);
    if (layout_.sort_keys)
      std::sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->key() < b->key(); });
    out_ += '{';
    for (std::size_t i = 0; i < order.size(); ++i) {
      item(i == 0, level + 1);
      append_escaped(out_, {order[i]->key().data(), order[i]->key().size()});
      out_ += layout_.compact ? ":" : ": ";
      write(order[i]->value(), level + 1);
    }
    if (!order.empty()) end(level);
    out_ += '}';
  }
  void end(int level) {
    if (layout_.indent >= 0)
      out_.append("\n").append(static_cast<std::size_t>(layout_.indent * level), ' ');
  }
  std::string& out_;
  const Layout& layout_;
};

}  // namespace

value parse(std::string_view text, std::string_view where) {
  if (text.size() > max_bytes)
    throw_usage(std::string(where) + " has " + std::to_string(text.size()) +
                " bytes of JSON, more than the 64 MiB that are read");
  std::string quoted;
  std::string_view source = text;
  if (text.find("NaN") != text.npos || text.find("Infinity") != text.npos)
    source = quoted = quote_special_numbers(text);
  boost::json::parse_options options;
  options.max_depth = max_depth;
  boost::json::basic_parser<Builder> parser(options);
  boost::json::error_code ec;
  const std::size_t used = parser.write_some(false, source.data(), source.size(), ec);
  if (!ec && source.find_first_not_of(" \t\r\n", used) != source.npos)
    ec = boost::json::error::extra_data;
  if (ec) {
    const auto& duplicate = parser.handler().duplicate;
    throw_usage(std::string(where) + " is not valid JSON at " + position(source, used) + ": " +
                (duplicate.empty() ? ec.message()
                                   : "the key \"" + duplicate + "\" stands twice in one object"));
  }
  return std::move(parser.handler().result);
}

value parse_file(const std::filesystem::path& path) {
  return parse(read_file(path), path.string());
}

std::string dump(const value& v, const Layout& layout) {
  std::string out;
  Writer(out, layout).write(v, 0);
  return out;
}

std::string repr(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  char buffer[40];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific).ptr;
  const std::string_view shortest(buffer, static_cast<std::size_t>(end - buffer));
  // from_chars takes no plus sign.
  const char* digits = shortest.data() + shortest.find('e') + 1;
  int exponent = 0;
  std::from_chars(digits + (*digits == '+' ? 1 : 0), end, exponent);
  if (exponent < -4 || exponent >= 16) return std::string(shortest);
  end = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::fixed).ptr;
  std::string out(buffer, end);
  if (out.find('.') == out.npos) out += ".0";
  return out;
}

std::string_view kind_name(const value& v) {
  switch (v.kind()) {
    case boost::json::kind::null: return "null";
    case boost::json::kind::bool_: return "a boolean";
    case boost::json::kind::int64:
    case boost::json::kind::uint64: return "an integer";
    case boost::json::kind::double_: return "a number";
    case boost::json::kind::string: return "a string";
    case boost::json::kind::array: return "a list";
    default: return "an object";
  }
}

std::string nearest(std::string_view name, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const auto& candidate : candidates) {
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
  return best;
}

}  // namespace trainer::json
