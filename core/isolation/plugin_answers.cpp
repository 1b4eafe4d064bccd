// SPDX-License-Identifier: Apache-2.0
#include "isolation/plugin_answers.hpp"

#include <algorithm>

#include "base/kept_error_id.hpp"
#include "base/text.hpp"
#include "loading/plugin_extensions.hpp"
#include "trainer/event_names.hpp"

namespace trainer::isolation {
namespace {

constexpr std::size_t longest_name = 1024, longest_error_id = 64;

ErrorId id_of(Failure::Kind kind) {
  switch (kind) {
    case Failure::threw:
      return error_id::callback_threw;
    case Failure::flag:
      return error_id::callback_flag;
    case Failure::misuse:
      return error_id::callback_misuse;
    default:
      return error_id::callback_failed;
  }
}

bool flag_of(Reader& in) { return in.get<std::uint32_t>() != 0; }

std::string utf8_of(std::string_view text) {
  if (!is_utf8(text)) throw BadBytes();
  return std::string(text);
}

void require_utf8(const json::value& v) {
  if (v.is_string() && !is_utf8(v.get_string())) throw BadBytes();
  if (v.is_array())
    for (const auto& item : v.get_array()) require_utf8(item);
  if (!v.is_object()) return;
  for (const auto& entry : v.get_object()) {
    if (!is_utf8(entry.key())) throw BadBytes();
    require_utf8(entry.value());
  }
}

json::object object_of(Reader& in) {
  json::value out = in.object();
  require_utf8(out);
  return std::move(out.get_object());
}

}  // namespace

RunsOn read_runs_on(Reader& in) {
  const auto number = in.get<std::uint32_t>();
  in.end();
  if (number > 2) throw BadBytes();
  return static_cast<RunsOn>(number);
}

Availability read_availability(Reader& in) {
  const auto use = in.get<std::uint32_t>();
  Availability out{static_cast<Availability::Use>(use), std::string(in.text())};
  in.end();
  if (use > Availability::no) throw BadBytes();
  return out;
}

Created read_created(Reader& in) {
  Created out;
  out.class_name = utf8_of(in.text());
  for (bool* flag : {&out.stateful, &out.listens, &out.waits, &out.keeps_files, &out.has_results, &out.hears_outcome})
    *flag = flag_of(in);
  in.end();
  if (out.class_name.empty() || out.class_name.size() > longest_name) throw BadBytes();
  return out;
}

EventAnswer read_event_answer(Reader& in) {
  EventAnswer out;
  out.failure = Failure::get(in);
  for (auto& flag : out.flags) flag = in.get<std::uint32_t>();
  if (flag_of(in)) out.values = object_of(in);
  in.end();
  return out;
}

json::object read_state(Reader& in) {
  json::object state = object_of(in);
  in.end();
  for (const char* part : {"args", "attributes"})
    if (const auto* found = state.if_contains(part); !found || !found->is_object()) throw BadBytes();
  return state;
}

std::vector<PluginResult> read_results(Reader& in, const std::string& plugin, const std::string& where) {
  const auto count = in.get<std::uint64_t>();
  if (count > TRAINER_MOST_RESULTS) throw BadBytes();
  std::vector<PluginResult> all;
  for (std::uint64_t i = 0; i < count; ++i) {
    trainer_result given{};
    given.struct_size = sizeof given;
    for (trainer_text* text : {&given.label, &given.place, &given.view}) {
      const std::string_view bytes = in.text();
      *text = {bytes.data(), bytes.size()};
    }
    PluginResult one;
    if (take_result(given, plugin, where, one)) all.push_back(std::move(one));
  }
  in.end();
  return all;
}

Error read_error(Reader& in, const std::string& where) {
  const auto kind = in.get<Refusal>();
  const std::string id(in.text());
  const std::string sentence(in.text());
  in.end();
  const auto is_of_ids = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
  };
  if (kind > Refusal::reason || id.empty() || id.size() > longest_error_id ||
      !std::all_of(id.begin(), id.end(), is_of_ids))
    throw BadBytes();
  return {kind == Refusal::usage ? ErrorKind::usage : ErrorKind::run, kept_error_id(id),
          kind == Refusal::reason ? where + ": " + sentence : sentence};
}

std::string where_of(const std::string& callback, std::uint32_t event, std::int64_t step) {
  return "callback " + callback + " failed in " + std::string(event_name(event)) + " at step " + std::to_string(step);
}

Error error_of(const Failure& failure, const std::string& callback) {
  if (failure.event >= TRAINER_EVENT_COUNT) return {ErrorKind::run, id_of(failure.kind), failure.reason};  // whole
  const std::string reason =
      failure.reason.empty() ? "it gave no reason (status " + std::to_string(failure.code) + ")" : failure.reason;
  return {ErrorKind::run, id_of(failure.kind), where_of(callback, failure.event, failure.step) + ": " + reason};
}

}  // namespace trainer::isolation
