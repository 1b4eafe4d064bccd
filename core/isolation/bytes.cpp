// SPDX-License-Identifier: Apache-2.0
#include "isolation/bytes.hpp"

namespace trainer::isolation {
namespace {

enum class Kind : std::uint8_t { null, no, yes, integer, natural, number, text, list, object };

constexpr int deepest = 128;  // what json::parse() takes is half as deep

}  // namespace

void Writer::value(const json::value& v) {
  switch (v.kind()) {
    case boost::json::kind::null:
      return put(Kind::null);
    case boost::json::kind::bool_:
      return put(v.get_bool() ? Kind::yes : Kind::no);
    case boost::json::kind::int64:
      put(Kind::integer);
      return put(v.get_int64());
    case boost::json::kind::uint64:
      put(Kind::natural);
      return put(v.get_uint64());
    case boost::json::kind::double_:
      put(Kind::number);
      return put(v.get_double());
    case boost::json::kind::string:
      put(Kind::text);
      return text(v.get_string());
    case boost::json::kind::array:
      put(Kind::list);
      put(static_cast<std::uint64_t>(v.get_array().size()));
      for (const auto& item : v.get_array()) value(item);
      return;
    case boost::json::kind::object:
      put(Kind::object);
      return object(v.get_object());
  }
}

void Writer::object(const json::object& values) {
  put(static_cast<std::uint64_t>(values.size()));
  for (const auto& entry : values) {
    text(entry.key());
    value(entry.value());
  }
}

std::string_view Reader::take(std::uint64_t size) {
  if (size > left_.size()) throw BadBytes();
  const std::string_view taken = left_.substr(0, size);
  left_.remove_prefix(size);
  return taken;
}

json::value Reader::value(int depth) {
  if (depth > deepest || values_left_-- == 0) throw BadBytes();
  switch (get<Kind>()) {
    case Kind::null:
      return nullptr;
    case Kind::no:
      return false;
    case Kind::yes:
      return true;
    case Kind::integer:
      return get<std::int64_t>();
    case Kind::natural:
      return get<std::uint64_t>();
    case Kind::number:
      return get<double>();
    case Kind::text:
      return boost::json::string(text());
    case Kind::list: {
      json::array items;
      for (std::uint64_t left = get<std::uint64_t>(); left > 0; --left) items.push_back(value(depth + 1));
      return items;
    }
    case Kind::object:
      return object(depth + 1);
  }
  throw BadBytes();
}

json::object Reader::object(int depth) {
  json::object values;
  for (std::uint64_t left = get<std::uint64_t>(); left > 0; --left) {
    const std::string_view key = text();
    values.insert_or_assign(key, value(depth));
  }
  return values;
}

}  // namespace trainer::isolation
