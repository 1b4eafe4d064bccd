// SPDX-License-Identifier: Apache-2.0
#include "shared/mlflow/record.hpp"

#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <stdexcept>
#include <trainer/sdk/repr.hpp>

#include "shared/mlflow/items.hpp"
#include "shared/mlflow/json_fields.hpp"
#include "shared/system/open_directory.hpp"

namespace trainer::plugins::mlflow {
namespace {

namespace json = boost::json;
using Kind = Record::Kind;

/// In the order of Record::Kind: the first name of a line.
constexpr std::array<std::string_view, 9> names = {"journal", "creating", "run",      "sent", "metrics",
                                                   "params",  "tags",     "artifact", "end"};
static_assert(names.size() == static_cast<std::size_t>(Kind::unknown));

std::string_view name_of(Kind kind) { return names.at(static_cast<std::size_t>(kind)); }

bool take(std::string_view& text, std::string_view start) {
  if (!text.starts_with(start)) return false;
  text.remove_prefix(start.size());
  return true;
}

std::int64_t take_number(std::string_view& text) {
  std::int64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return error == std::errc() ? number : 0;
}

/// The first name of a line, and `line` what follows it; empty when there is none.
std::string_view take_name(std::string_view& line) {
  if (!take(line, "{\"")) return {};
  const std::string_view name = line.substr(0, line.find('"'));
  line.remove_prefix(name.size());
  return take(line, "\":") ? name : std::string_view();
}

json::object parse_object(std::string_view line) {
  boost::system::error_code error;
  json::value value = json::parse(line, error);
  return !error && value.is_object() ? std::move(value.get_object()) : json::object();
}

/// The object of that name; an empty one when something else has it.
json::object object_of(std::string_view line, std::string_view name) {
  json::object object = parse_object(line);
  auto* const inner = object.if_contains(name);
  return inner != nullptr && inner->is_object() ? std::move(inner->get_object()) : json::object();
}

/// Of a metric or a pair: a number, or the name of one that JSON has none for, or a text.
bool is_item(const json::value& value, Kind kind) {
  const auto* const item = value.if_object();
  const auto* const key = item != nullptr ? item->if_contains("key") : nullptr;
  const auto* const given = item != nullptr ? item->if_contains("value") : nullptr;
  if (key == nullptr || !key->is_string() || given == nullptr) return false;
  if (kind != Kind::metrics) return given->is_string();
  if (given->is_number()) return true;
  const std::string_view name = given->is_string() ? std::string_view(given->get_string()) : std::string_view();
  return name == "NaN" || name == "Infinity" || name == "-Infinity";
}

/// The items of a record, as they are written; false when one of them is none.
bool copy_items(const json::object& line, const Record& record, Items& items) {
  const auto* const list = line.if_contains("items");
  if (list == nullptr || !list->is_array()) return false;
  for (const json::value& item : list->get_array())
    if (!is_item(item, record.kind)) return false;
  for (const std::string_view item : split_items(record.items)) items.add(item, 1);
  return items.count() != 0 && items.count() == list->get_array().size();
}

void append(std::string& line, std::string_view start, std::string_view value) {
  line += start;
  append_json(line, value);
}

void append(std::string& line, std::string_view start, std::int64_t value) {
  line += start;
  sdk::append_repr(line, value);
}

}  // namespace

Kind Record::kind_of(std::string_view line) {
  const std::string_view name = take_name(line);
  std::size_t kind = 0;
  while (kind < names.size() && names[kind] != name) ++kind;
  return static_cast<Kind>(kind);
}

void Record::write(std::string& line) const {
  line += "{\"";
  line += name_of(kind);
  line += "\":";
  switch (kind) {
    case Kind::metrics:
    case Kind::params:
    case Kind::tags:
      append(line, "", static_cast<std::int64_t>(count));
      line += ",\"items\":[";
      line += items;
      line += "]";
      break;
    case Kind::artifact:
      append(line, "{\"directory\":", directory);
      append(line, ",\"name\":", name);
      line += '}';
      break;
    case Kind::end:
      append(line, "{\"status\":", status);
      append(line, ",\"time\":", time);
      line += '}';
      break;
    case Kind::creating:
      line += "true";
      break;
    case Kind::run:
      append(line, "{\"id\":", id);
      line += '}';
      break;
    case Kind::sent:
      append(line, "", position);
      break;
    case Kind::header:
    case Kind::unknown:
      throw std::logic_error("a journal's record of no kind");
  }
  line += '}';
}

std::string Record::to_line() const {
  std::string line;
  write(line);
  return line;
}

Record Record::read(std::string_view line) {
  Record record;
  record.kind = kind_of(line);
  switch (record.kind) {
    case Kind::metrics:
    case Kind::params:
    case Kind::tags:
      take_name(line);
      record.count = static_cast<std::size_t>(take_number(line));
      if (record.count == 0 || !take(line, ",\"items\":[") || !line.ends_with("]}")) return {};
      line.remove_suffix(2);
      record.items = line;
      break;
    case Kind::artifact: {
      const json::object artifact = object_of(line, name_of(record.kind));
      record.directory = text(artifact, "directory");
      record.name = text(artifact, "name");
      break;
    }
    case Kind::end: {
      const json::object end = object_of(line, name_of(record.kind));
      record.status = text(end, "status");
      record.time = integer(end, "time");
      break;
    }
    case Kind::run: {
      const json::object run = object_of(line, name_of(record.kind));
      record.id = text(run, "id");
      break;
    }
    case Kind::sent:
      take_name(line);
      record.position = take_number(line);
      break;
    case Kind::header:
    case Kind::creating:
    case Kind::unknown:
      break;
  }
  return record;
}

std::optional<std::string> Record::checked(std::string_view line, std::string_view files) {
  const json::object object = parse_object(line);
  Record record = object.empty() ? Record() : read(line);
  Items items;
  bool good = false;
  switch (record.kind) {
    case Kind::metrics:
    case Kind::params:
    case Kind::tags:
      good = copy_items(object, record, items);
      record.count = items.count();
      record.items = items.json();
      break;
    case Kind::artifact:
      good = is_plain_name(record.name) && record.directory == std::string(files) + "/" + record.name;
      break;
    case Kind::end:
      good = record.time > 0 && (record.status.empty() || record.status == "FINISHED" || record.status == "FAILED" ||
                                 record.status == "KILLED");
      break;
    case Kind::creating:
      good = true;
      break;
    case Kind::run:
      good = !record.id.empty();
      break;
    case Kind::sent:
      good = record.position > 0;
      break;
    case Kind::header:
    case Kind::unknown:
      break;
  }
  return good ? std::optional(record.to_line()) : std::nullopt;
}

std::string RunHeader::to_json() const {
  json::object run{{"uri", uri},
                   {"experiment_name", experiment_name},
                   {"experiment_id", experiment_id},
                   {"run_id", run_id},
                   {"run_name", run_name},
                   {"user", user},
                   {"keep_status", keep_status},
                   {"start_time", start_time}};
  json::array list;
  for (const auto& [key, value] : tags) list.push_back(json::array{key, value});
  run["tags"] = std::move(list);
  return json::serialize(json::object{{name_of(Kind::header), 1}, {"of", std::move(run)}});
}

RunHeader RunHeader::from_json(const std::string& line) {
  RunHeader header;
  try {
    const json::object run = object_of(line, "of");
    header.uri = text(run, "uri");
    header.experiment_name = text(run, "experiment_name");
    header.experiment_id = text(run, "experiment_id");
    header.run_id = text(run, "run_id");
    header.run_name = text(run, "run_name");
    header.user = text(run, "user");
    header.keep_status = run.at("keep_status").as_bool();
    header.start_time = integer(run, "start_time");
    for (const auto& pair : run.at("tags").as_array())
      header.tags.emplace_back(std::string(pair.at(0).as_string().c_str()),
                               std::string(pair.at(1).as_string().c_str()));
  } catch (const std::exception&) {
    throw std::runtime_error("its first line does not describe a run");
  }
  return header;
}

}  // namespace trainer::plugins::mlflow
