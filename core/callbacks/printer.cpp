// SPDX-License-Identifier: Apache-2.0
//
// PrinterCallback, and the line that a log becomes for it and for ProgressCallback.
#include <cmath>
#include <cstdio>

#include "trainer/builtin_callbacks.hpp"
#include "trainer/console.hpp"

namespace trainer {
namespace {

constexpr std::size_t max_string = 100;  // ProgressCallback's max_str_len

// repr() of a Python str: single quotes, unless the text holds one and no double quote.
std::string quoted(std::string_view text) {
  const bool has_single = text.find('\'') != text.npos;
  const char quote = has_single && text.find('"') == text.npos ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    if (c == '\\' || c == quote) out += '\\';
    if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else
      out += c;
  }
  return out += quote;
}

std::string text_of(const json::value& v) {
  if (v.is_null()) return "None";
  if (v.is_bool()) return v.get_bool() ? "True" : "False";
  if (v.is_int64()) return std::to_string(v.get_int64());
  if (v.is_double()) return json::repr(v.get_double());
  if (v.is_string()) return quoted({v.get_string().data(), v.get_string().size()});
  std::string out;
  if (v.is_array()) {
    for (const auto& item : v.get_array()) out += (out.empty() ? "" : ", ") + text_of(item);
    return "[" + out + "]";
  }
  for (const auto& item : v.get_object())
    out += (out.empty() ? "" : ", ") + quoted({item.key().data(), item.key().size()}) + ": " + text_of(item.value());
  return "{" + out + "}";
}

std::string four_digits(double number) {
  if (std::isnan(number)) return "nan";
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.4g", number);
  return buffer;
}

}  // namespace

std::string log_line(const json::object& logs, bool cut_strings) {
  json::object shown;
  for (const auto& entry : logs) {
    json::value v = entry.value();
    if (v.is_double()) {
      v = boost::json::string(four_digits(v.get_double()));
    } else if (cut_strings && v.is_string() && v.get_string().size() > max_string) {
      v = boost::json::string("[String too long to display, length: " + std::to_string(v.get_string().size()) + " > " +
                              std::to_string(max_string) + "]");
    }
    if (entry.key() != "total_flos") shown.emplace(entry.key(), std::move(v));
  }
  return text_of(shown);
}

void PrinterCallback::on_log(CallbackContext& context) {
  json::object& logs = *context.logs;
  // As in transformers, the key leaves the shared logs, so train()'s metrics lack it too.
  if (const auto flos = logs.find("total_flos"); flos != logs.end()) logs.stable_erase(flos);
  if (quiet_ || !context.state.is_local_process_zero) return;
  console::print(log_line(logs, false));
}

}  // namespace trainer
