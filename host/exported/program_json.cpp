// SPDX-License-Identifier: Apache-2.0
#include "exported/program_json.hpp"

#include <charconv>
#include <limits>

#include "trainer/error.hpp"

namespace trainer::exported {

const char* const damaged = "; the file is damaged, or a newer PyTorch wrote it, so export the model again";

void refuse(const std::string& sentence) { throw_usage(error_id::model_file_invalid, sentence); }

json::value parse(std::string_view text, const std::string& where) try {
  return json::parse(text, where);
} catch (const Error& e) {
  refuse(e.sentence() + damaged);
}

void ProgramJson::wrong(std::string_view expected) const {
  refuse(*where_ + ": \"" + std::string(key_) + "\" is " + std::string(json::kind_name(*value_)) + ", expected " +
         std::string(expected) + damaged);
}

const json::object& ProgramJson::object() const {
  if (!value_->is_object()) wrong("an object");
  return value_->get_object();
}

ProgramJson ProgramJson::at(std::string_view key) const {
  if (const auto* found = object().if_contains(key)) return {*found, where_, key};
  refuse(*where_ + ": \"" + std::string(key_) + "\" has no \"" + std::string(key) + "\"" + damaged);
}

std::optional<ProgramJson> ProgramJson::find(std::string_view key) const {
  const auto* found = object().if_contains(key);
  if (!found || found->is_null()) return std::nullopt;
  return ProgramJson(*found, where_, key);
}

std::pair<std::string_view, ProgramJson> ProgramJson::only() const {
  if (object().size() != 1) wrong("an object with one key");
  const auto& entry = *object().begin();
  return {entry.key(), member(entry)};
}

std::size_t ProgramJson::size() const {
  if (!value_->is_array()) wrong("a list");
  return value_->get_array().size();
}

ProgramJson ProgramJson::at(std::size_t index) const {
  if (index >= size()) wrong("a list of " + std::to_string(index + 1) + " or more");
  return {value_->get_array()[index], where_, key_};
}

std::string_view ProgramJson::text() const {
  if (!value_->is_string()) wrong("a string");
  return value_->get_string();
}

std::vector<std::string> ProgramJson::texts(std::string_view key) const {
  std::vector<std::string> out;
  if (const auto list = find(key))
    for (std::size_t i = 0; i < list->size(); ++i) out.emplace_back(list->at(i).text());
  return out;
}

std::int64_t ProgramJson::integer() const {
  if (!value_->is_int64()) wrong("a whole number");
  return value_->get_int64();
}

double ProgramJson::number() const {
  if (value_->is_number()) return value_->to_number<double>();
  if (!value_->is_string()) wrong("a number");
  const std::string_view text = value_->get_string();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  double out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) wrong("a number");
  return out;
}

bool ProgramJson::boolean() const {
  if (!value_->is_bool()) wrong("true or false");
  return value_->get_bool();
}

}  // namespace trainer::exported
