// SPDX-License-Identifier: Apache-2.0
//
// Writing of JSON, with the characters of Python's json.dumps() and repr().
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.hpp"
#include "trainer/json.hpp"

namespace trainer::json {
namespace {

void append_escaped(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  static constexpr std::string_view escaped = "\"\\\n\r\t\b\f", letters = "\"\\nrtbf";
  auto unit = [&](unsigned code) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += hex[(code >> shift) & 15];
  };
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\') {
      out += text[i++];
      continue;
    }
    if (const auto at = escaped.find(text[i]); at != escaped.npos) {
      out += '\\';
      out += letters[at];
      ++i;
      continue;
    }
    // What is no UTF-8, as a file's name may be, becomes the character that stands for such.
    std::uint32_t code = 0;
    const std::size_t bytes = utf8_character(text.substr(i), code);
    if (bytes == 0) code = 0xfffd;
    i += std::max<std::size_t>(bytes, 1);
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
      case boost::json::kind::null:
        out_ += "null";
        break;
      case boost::json::kind::bool_:
        out_ += v.get_bool() ? "true" : "false";
        break;
      case boost::json::kind::int64:
        out_ += std::to_string(v.get_int64());
        break;
      case boost::json::kind::uint64:
        out_ += std::to_string(v.get_uint64());
        break;
      case boost::json::kind::double_:
        out_ += repr_json(v.get_double());
        break;
      case boost::json::kind::string:
        append_escaped(out_, {v.get_string().data(), v.get_string().size()});
        break;
      case boost::json::kind::array:
        write_array(v.get_array(), level);
        break;
      case boost::json::kind::object:
        write_object(v.get_object(), level);
        break;
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
    if (layout_.sort_keys) std::sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->key() < b->key(); });
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
    if (layout_.indent >= 0) out_.append("\n").append(static_cast<std::size_t>(layout_.indent * level), ' ');
  }
  std::string& out_;
  const Layout& layout_;
};

}  // namespace

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
    case boost::json::kind::null:
      return "null";
    case boost::json::kind::bool_:
      return "a boolean";
    case boost::json::kind::int64:
    case boost::json::kind::uint64:
      return "an integer";
    case boost::json::kind::double_:
      return "a number";
    case boost::json::kind::string:
      return "a string";
    case boost::json::kind::array:
      return "a list";
    default:
      return "an object";
  }
}

}  // namespace trainer::json
