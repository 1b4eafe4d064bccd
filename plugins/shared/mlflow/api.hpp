// SPDX-License-Identifier: Apache-2.0
//
// MLflow's REST API, as much of it as a run needs. Every call is one request; who calls decides
// when to try again.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "shared/http/client.hpp"
#include "shared/mlflow/rules.hpp"
#include "shared/mlflow/settings.hpp"

namespace trainer::plugins::mlflow {

/// The server answered, but not as hoped: the sentence has the address, the status and its message.
class ApiError : public std::runtime_error {
 public:
  ApiError(const std::string& sentence, http::Response response, std::string code)
      : std::runtime_error(sentence), response_(std::move(response)), code_(std::move(code)) {}
  int status() const { return response_.status; }
  const http::Response& response() const { return response_; }
  const std::string& code() const { return code_; }  ///< as RESOURCE_DOES_NOT_EXIST; may be empty
  /// The request itself is wrong: it will never be taken. (Too large counts.)
  bool is_refusal() const { return status() == 400 || status() == 413 || status() == 422; }
  bool is_missing() const { return status() == 404 && code_ == "RESOURCE_DOES_NOT_EXIST"; }

 private:
  http::Response response_;
  std::string code_;
};

struct Run {
  std::string id, artifact_uri, name, user;
  bool deleted = false;
  std::int64_t end_time = 0;
};

class Api {
 public:
  explicit Api(const Settings& settings) : base_(settings.base), client_(settings.http) {}

  /// The experiment of that name, made when there is none.
  std::string experiment(const std::string& name);
  /// `tags` has the run's name and user among others; `name` may be empty.
  Run create_run(const std::string& experiment, const std::string& name, const std::string& user,
                 std::int64_t start_time, const Pairs& tags);
  Run get_run(const std::string& id);
  /// The run that started at that very millisecond, or one with an empty id.
  Run find_run(const std::string& experiment, const std::string& name, const std::string& user,
               std::int64_t start_time);
  /// 0 and empty texts are left out.
  void update_run(const std::string& id, std::string_view status, std::int64_t end_time, const std::string& name = {});
  /// The items of records, as they lie in the journal; each may be empty.
  void log_batch(const std::string& id, std::string_view metrics, std::string_view params, std::string_view tags);
  /// One file below an artifact address that accepts_artifacts().
  void put_artifact(const std::string& artifact_uri, std::shared_ptr<std::FILE> file, const std::string& path);
  static bool accepts_artifacts(const std::string& artifact_uri);

  http::Client& client() { return client_; }
  const std::string& address() const { return base_; }

 private:
  boost::json::object call(const std::string& method, const std::string& path, std::string body);
  http::Response send(const http::Request& request);
  std::string base_;
  http::Client client_;
};

}  // namespace trainer::plugins::mlflow
