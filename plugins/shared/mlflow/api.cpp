// SPDX-License-Identifier: Apache-2.0
//
// MLflow's REST calls and their answers.
#include "shared/mlflow/api.hpp"

#include <boost/json.hpp>

#include "shared/mlflow/items.hpp"
#include "shared/mlflow/json_fields.hpp"

namespace trainer::plugins::mlflow {
namespace {

namespace json = boost::json;

const json::object& inner(const json::object& object, const char* key) {
  static const json::object none;
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_object() ? value->get_object() : none;
}

Run to_run(const json::object& object) {
  const json::object& info = inner(object, "info");
  Run run;
  run.id = text(info, "run_id");
  if (run.id.empty()) run.id = text(info, "run_uuid");
  run.artifact_uri = text(info, "artifact_uri");
  run.name = text(info, "run_name");
  run.user = text(info, "user_id");
  run.deleted = text(info, "lifecycle_stage") == "deleted";
  run.end_time = integer(info, "end_time");
  return run;
}

/// Of an answer's body for a log: its beginning, on one line.
std::string excerpt(std::string_view body) {
  std::string out(body.substr(0, 300));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return out.empty() ? "an empty answer" : "\"" + out + (body.size() > 300 ? "..." : "") + "\"";
}

/// What comes after http(s)://host, without a last slash.
std::string path_of(const std::string& url) {
  const auto begin = url.find("://");
  const auto slash = begin == url.npos ? begin : url.find('/', begin + 3);
  return slash == url.npos ? "" : url.substr(slash);
}

constexpr std::string_view artifact_root = "/api/2.0/mlflow-artifacts/artifacts";

/// mlflow-artifacts:/1/run/artifacts is behind the tracking server, mlflow-artifacts://host/...
/// behind that one.
std::string artifact_address(const std::string& base, const std::string& uri) {
  if (scheme(uri) != "mlflow-artifacts") return uri;
  std::string rest = uri.substr(uri.find(':') + 1), host;
  if (rest.compare(0, 2, "//") == 0) {
    const auto slash = std::min(rest.find('/', 2), rest.size());
    host = rest.substr(2, slash - 2);
    rest.erase(0, slash);
  }
  while (!rest.empty() && rest[0] == '/') rest.erase(0, 1);
  const std::string server = host.empty() ? base : scheme(base) + "://" + host + path_of(base);
  return server + std::string(artifact_root) + "/" + rest;
}

}  // namespace

http::Response Api::send(const http::Request& request) {
  http::Response response = client_.send(request);
  if (response.status >= 200 && response.status < 300) return response;
  std::string code, message;
  try {
    const json::value answer = json::parse(response.body);
    if (const auto* object = answer.if_object()) {
      code = text(*object, "error_code");
      message = text(*object, "message");
    }
  } catch (const std::exception&) {
  }
  const std::string said = http::without_secrets(message.empty() ? response.body : message, client_.options());
  const std::string sentence = request.method + " " + request.url + " was answered with " +
                               std::to_string(response.status) + ": " + excerpt(said);
  throw ApiError(sentence, std::move(response), std::move(code));
}

json::object Api::call(const std::string& method, const std::string& path, std::string body) {
  http::Request request;
  request.method = method;
  request.url = base_ + "/api/2.0/mlflow/" + path;
  if (method != "GET") request.headers.push_back({"Content-Type", "application/json"});
  request.body = std::move(body);
  http::Response response = send(request);
  if (response.body.find_first_not_of(" \t\r\n") == std::string::npos) return {};
  try {
    json::value answer = json::parse(response.body);
    if (answer.is_object()) return std::move(answer.get_object());
  } catch (const std::exception&) {
  }
  const std::string sentence = method + " " + request.url + " was answered with " +
                               excerpt(http::without_secrets(response.body, client_.options())) +
                               ", expected a JSON object; is it an MLflow server?";
  throw ApiError(sentence, std::move(response), "");
}

std::string Api::experiment(const std::string& name) {
  const std::string query = "experiments/get-by-name?experiment_name=" + http::percent_encode(name);
  for (int again = 0;; ++again) {
    try {
      const json::object answer = call("GET", query, "");
      const json::object& found = inner(answer, "experiment");
      if (text(found, "lifecycle_stage") == "deleted")
        throw std::runtime_error("the experiment \"" + name + "\" at " + base_ +
                                 " is deleted; restore it (mlflow experiments restore), or set "
                                 "another MLFLOW_EXPERIMENT_NAME");
      const std::string id = text(found, "experiment_id");
      if (!id.empty()) return id;
    } catch (const ApiError& error) {
      if (error.status() != 404) throw;
    }
    try {
      std::string body = "{\"name\":";
      append_json(body, name);
      return text(call("POST", "experiments/create", body + "}"), "experiment_id");
    } catch (const ApiError& error) {  // another program was faster: look again, once
      if (error.code() != "RESOURCE_ALREADY_EXISTS" || again > 0) throw;
    }
  }
}

Run Api::create_run(const std::string& experiment, const std::string& name, const std::string& user,
                    std::int64_t start_time, const Pairs& tags) {
  std::string body = "{\"experiment_id\":";
  append_json(body, experiment);
  body += ",\"user_id\":";
  append_json(body, user);
  if (!name.empty()) {
    body += ",\"run_name\":";
    append_json(body, name);
  }
  Items items;
  for (const auto& [key, value] : tags) items.add_pair(key, value);
  body += ",\"start_time\":" + std::to_string(start_time) + ",\"tags\":[" + items.json() + "]}";
  Run run = to_run(inner(call("POST", "runs/create", body), "run"));
  if (run.id.empty()) throw std::runtime_error(base_ + " made a run and gave no run_id; is it an MLflow server?");
  return run;
}

Run Api::get_run(const std::string& id) {
  return to_run(inner(call("GET", "runs/get?run_id=" + http::percent_encode(id), ""), "run"));
}

Run Api::find_run(const std::string& experiment, const std::string& name, const std::string& user,
                  std::int64_t start_time) {
  std::string body = "{\"experiment_ids\":[";
  append_json(body, experiment);
  body += "],\"filter\":\"attributes.start_time = " + std::to_string(start_time) + "\",\"max_results\":20}";
  const json::object answer = call("POST", "runs/search", body);
  const auto* runs = answer.if_contains("runs");
  if (runs != nullptr && runs->is_array())
    for (const auto& item : runs->get_array()) {
      if (!item.is_object()) continue;
      Run run = to_run(item.get_object());
      if ((name.empty() || run.name == name) && (run.user.empty() || run.user == user)) return run;
    }
  return {};
}

void Api::update_run(const std::string& id, std::string_view status, std::int64_t end_time, const std::string& name) {
  std::string body = "{\"run_id\":";
  append_json(body, id);
  body += ",\"status\":";
  append_json(body, status);
  if (end_time != 0) body += ",\"end_time\":" + std::to_string(end_time);
  if (!name.empty()) {
    body += ",\"run_name\":";
    append_json(body, name);
  }
  call("POST", "runs/update", body + "}");
}

void Api::log_batch(const std::string& id, std::string_view metrics, std::string_view params, std::string_view tags) {
  std::string body = "{\"run_id\":";
  append_json(body, id);
  const auto add = [&](const char* name, std::string_view items) {
    if (items.empty()) return;
    body += ",\"";
    body += name;
    body += "\":[";
    body += items;
    body += ']';
  };
  add("metrics", metrics);
  add("params", params);
  add("tags", tags);
  call("POST", "runs/log-batch", body + "}");
}

bool Api::accepts_artifacts(const std::string& uri) {
  const std::string kind = scheme(uri);
  return kind == "mlflow-artifacts" || kind == "http" || kind == "https";
}

void Api::put_artifact(const std::string& artifact_uri, std::shared_ptr<std::FILE> file, const std::string& path) {
  http::Request request;
  request.method = "PUT";
  request.url = artifact_address(base_, artifact_uri) + "/" + http::percent_encode(path, "/");
  request.headers = {{"Content-Type", "application/octet-stream"}};
  request.file = std::move(file);
  send(request);
}

}  // namespace trainer::plugins::mlflow
