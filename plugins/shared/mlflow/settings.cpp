// SPDX-License-Identifier: Apache-2.0
//
// Reads MLflow's settings and its file of credentials.
#include "shared/mlflow/settings.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <stdexcept>
#include <trainer/sdk/mask.hpp>

#include "shared/system/environment.hpp"

namespace trainer::plugins::mlflow {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

std::string trim(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

double number(const std::optional<Setting>& setting, double otherwise) {
  if (!setting || setting->text.empty()) return otherwise;
  const auto& [text, name] = *setting;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= 0))
    throw std::invalid_argument(name + " is \"" + text +
                                "\", expected a number that is not negative; correct or unset it");
  return value;
}

/// MLflow's idea of a boolean variable.
bool flag(std::string text, bool otherwise) {
  text = lower(std::move(text));
  return text.empty() ? otherwise : text == "true" || text == "1";
}

/// One key of the section [mlflow] of ~/.mlflow/credentials.
std::string from_credentials(const std::string& key) {
  std::ifstream in(expand_user("~/.mlflow/credentials"));
  bool ours = false;
  for (std::string line; std::getline(in, line);) {
    line = trim(line);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      ours = line == "[mlflow]";
      continue;
    }
    const auto equals = line.find_first_of("=:");
    if (ours && equals != line.npos && lower(trim(line.substr(0, equals))) == key) return trim(line.substr(equals + 1));
  }
  return {};
}

std::string percent_decode(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 3], byte, 16).ptr == &text[i + 3]) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// Takes user:password@ out of the address: it must not reach a log or a journal. A user alone is a token, and no
/// name for the run.
void take_credentials(Settings& settings) {
  const auto begin = settings.uri.find("://");
  if (begin == settings.uri.npos) return;
  const auto end = std::min(settings.uri.find('/', begin + 3), settings.uri.size());
  const auto at = settings.uri.rfind('@', end);
  if (at == settings.uri.npos || at < begin + 3 || at > end) return;
  const std::string both = settings.uri.substr(begin + 3, at - begin - 3);
  const auto colon = both.find(':');
  settings.http.user = percent_decode(both.substr(0, colon));
  if (colon != both.npos) {
    settings.http.password = percent_decode(both.substr(colon + 1));
    settings.user = settings.http.user;
  }
  settings.uri.erase(begin + 3, at - begin - 2);
}

}  // namespace

bool is_true(std::string text) {
  text = lower(std::move(text));
  return text == "1" || text == "on" || text == "yes" || text == "true";
}

std::string scheme(const std::string& uri) {
  const auto colon = uri.find(':');
  return colon == uri.npos ? "" : lower(uri.substr(0, colon));
}

Setting tracking_uri(const SettingReader& given) {
  return given.find("tracking_uri", {"MLFLOW_TRACKING_URI"}).value_or(Setting{"", "MLFLOW_TRACKING_URI"});
}

Settings read_settings(const SettingReader& given) {
  Settings s;
  const auto or_file = [&](const char* key, const char* name, const char* in_file) {
    const auto found = given.find(key, {name});
    return found ? found->text : from_credentials(in_file);
  };
  s.uri = tracking_uri(given).text;
  s.http.user = or_file("tracking_username", "MLFLOW_TRACKING_USERNAME", "mlflow_tracking_username");
  s.http.password = or_file("tracking_password", "MLFLOW_TRACKING_PASSWORD", "mlflow_tracking_password");
  s.http.bearer = given.text("tracking_token", {"MLFLOW_TRACKING_TOKEN"});
  s.user = s.http.user;
  take_credentials(s);
  while (!s.uri.empty() && s.uri.back() == '/') s.uri.pop_back();
  s.base = s.uri;
  s.http.insecure_tls = flag(given.text("tracking_insecure_tls", {"MLFLOW_TRACKING_INSECURE_TLS"}), false);
  s.http.ca_file = given.text("tracking_server_cert_path", {"MLFLOW_TRACKING_SERVER_CERT_PATH", "REQUESTS_CA_BUNDLE",
                                                            "CURL_CA_BUNDLE"});  // as Python's client does
  s.http.client_cert = given.text("tracking_client_cert_path", {"MLFLOW_TRACKING_CLIENT_CERT_PATH"});
  s.http.timeout = number(given.find("http_request_timeout", {"MLFLOW_HTTP_REQUEST_TIMEOUT"}), s.http.timeout);
  s.http.connect_timeout = std::min(s.http.connect_timeout, std::max(1.0, s.http.timeout));
  s.http.user_agent = "libtrainer-mlflow";
  s.retry.retries = static_cast<int>(std::min(
      10.0, number(given.find("http_request_max_retries", {"MLFLOW_HTTP_REQUEST_MAX_RETRIES"}), s.retry.retries)));
  s.retry.backoff_factor =
      std::min(120.0, number(given.find("http_request_backoff_factor", {"MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR"}),
                             s.retry.backoff_factor));
  s.retry.jitter =
      number(given.find("http_request_backoff_jitter", {"MLFLOW_HTTP_REQUEST_BACKOFF_JITTER"}), s.retry.jitter);
  s.retry.respect_retry_after =
      flag(given.text("http_respect_retry_after_header", {"MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER"}), true);

  s.experiment_name = given.text("experiment_name", {"MLFLOW_EXPERIMENT_NAME"});
  s.experiment_id = given.text("experiment_id", {"MLFLOW_EXPERIMENT_ID"});
  s.run_id = given.text("run_id", {"MLFLOW_RUN_ID"});
  if (is_true(given.text("nested_run", {"MLFLOW_NESTED_RUN"})))
    s.parent_run_id = given.text("parent_run_id", {"MLFLOW_PARENT_RUN_ID"});
  s.tags = given.setting("tags", {"MLFLOW_TAGS"});
  s.run_context = given.setting("run_context", {"MLFLOW_RUN_CONTEXT"});
  s.flatten_params = is_true(given.text("flatten_params", {"MLFLOW_FLATTEN_PARAMS"}));
  s.log_artifacts = is_true(given.text("log_artifacts", {"HF_MLFLOW_LOG_ARTIFACTS"}));
  // Anything that is no number means no limit, as in transformers.
  const std::string most = given.text("max_log_params", {"MLFLOW_MAX_LOG_PARAMS"});
  if (!most.empty() && most.find_first_not_of("0123456789") == most.npos && most.size() < 10)
    s.max_log_params = std::stoul(most);
  s.wait = number(given.find("wait", {"TRAINER_MLFLOW_WAIT"}), s.wait);
  const char* const system_metrics = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING";
  if (flag(variable(system_metrics), false)) s.unsupported = system_metrics;
  return s;
}

std::string uri_problem(const Setting& setting) {
  const auto& [uri, name] = setting;
  const std::string kind = scheme(uri), shown = sdk::masked_url(uri);
  if (kind == "http" || kind == "https") return http::library_problem();
  const std::string start =
      "start a server (mlflow server --backend-store-uri sqlite:///mlflow.db --port 5000) and set "
      "MLFLOW_TRACKING_URI=http://127.0.0.1:5000";
  if (uri.empty()) return name + " is not set; " + start;
  if (kind == "azureml") return name + " is an azureml:// address; name the tracker azure_ml instead";
  if (kind == "databricks" || kind == "databricks-uc" || uri == "databricks")
    return name + " is \"" + shown + "\", and Databricks needs its own client; use python:mlflow";
  return name + " is \"" + shown +
         "\", a store that only MLflow itself can open; this tracker talks to a server: " + start +
         (kind == "sqlite" ? " (with --backend-store-uri " + shown + " it goes on with that file)" : "");
}

bool is_dagshub_uri(const std::string& uri) {
  const std::string kind = scheme(uri), ending = ".mlflow";
  if (kind != "http" && kind != "https") return false;
  std::string path = uri.substr(kind.size() + 1);
  while (!path.empty() && path.back() == '/') path.pop_back();
  const auto name = path.rfind('/');
  if (name == path.npos || path.size() - name - 1 <= ending.size() ||
      path.compare(path.size() - ending.size(), ending.size(), ending) != 0)
    return false;
  const auto owner = path.rfind('/', name - 1);
  return owner != path.npos && owner > 1 && name - owner > 1;  // after the slashes of "//host"
}

}  // namespace trainer::plugins::mlflow
