// SPDX-License-Identifier: Apache-2.0
#include "run/run_section.hpp"

#include "base/text.hpp"
#include "trainer/error.hpp"

namespace trainer {

RunSection::RunSection(const json::value& v, std::string where) : where_(std::move(where)) {
  if (!v.is_object()) wrong_type(v, where_, "an object");
  object_ = &v.get_object();
}

void RunSection::allow(const std::vector<std::string>& names) const {
  for (const auto& entry : *object_) {
    const std::string key(entry.key());
    if (contains(names, key)) continue;
    const std::string near = nearest(key, names);
    throw_usage(error_id::run_file_invalid,
                where_ + ": \"" + key + "\" is not a key here; " +
                    (near.empty() ? "the keys are " + join(names) : "did you mean \"" + near + "\"?"));
  }
}

const json::value& RunSection::require(std::string_view key, std::string_view what) const {
  if (const auto* v = find(key)) return *v;
  throw_usage(error_id::run_file_invalid, where_ + " has no \"" + std::string(key) + "\"; add " + std::string(what));
}

std::string RunSection::text(std::string_view key, std::string fallback) const {
  const auto* v = find(key);
  return v ? text_of(*v, place(key)) : fallback;
}

std::string RunSection::choice(std::string_view key, std::string fallback,
                               const std::vector<std::string>& names) const {
  std::string v = text(key, std::move(fallback));
  check_choice(v, place(key), names);
  return v;
}

bool RunSection::flag(std::string_view key) const {
  const auto* v = find(key);
  if (v && !v->is_bool()) wrong_type(*v, place(key), "true or false");
  return v && v->get_bool();
}

std::vector<std::string> RunSection::texts(std::string_view key, const char* expected) const {
  const auto* v = find(key);
  std::vector<std::string> out;
  if (v && !v->is_array()) wrong_type(*v, place(key), expected);
  if (v)
    for (const auto& text : v->get_array()) out.push_back(text_of(text, place(key)));
  return out;
}

std::int64_t RunSection::whole_number(const json::value& v, const std::string& place, std::string_view expected,
                                      std::int64_t most) {
  if (!v.is_int64() || v.get_int64() < 1 || v.get_int64() > most) wrong_type(v, place, expected);
  return v.get_int64();
}

std::string RunSection::text_of(const json::value& v, const std::string& place) {
  if (!v.is_string()) wrong_type(v, place, "a string");
  return std::string(v.get_string());
}

void RunSection::check_choice(const std::string& v, const std::string& place, const std::vector<std::string>& names) {
  if (contains(names, v)) return;
  const std::string near = nearest(v, names);
  throw_usage(error_id::run_file_invalid, place + " is \"" + v + "\", expected one of " + join(names) +
                                              (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

void RunSection::wrong_type(const json::value& v, const std::string& place, std::string_view expected) {
  throw_usage(error_id::run_file_invalid, place + " is " + std::string(json::kind_name(v)) + " (" + json::dump(v) +
                                              "), expected " + std::string(expected));
}

std::filesystem::path absolute_to(const std::filesystem::path& base, const std::string& given) {
  return given.empty() ? std::filesystem::path() : (base / given).lexically_normal();
}

}  // namespace trainer
