// SPDX-License-Identifier: Apache-2.0
//
// The settings of transformers' MLflowCallback and of MLflow's own client, which both read from the environment.
#pragma once

#include <optional>
#include <string>

#include "shared/http/client.hpp"
#include "shared/http/retry.hpp"
#include "shared/settings/settings.hpp"

namespace trainer::plugins::mlflow {

struct Settings {
  std::string uri;   ///< tracking_uri() without a password and without a last slash
  std::string base;  ///< the same with http(s), what requests go to
  http::Options http;
  http::RetryPolicy retry;

  std::string experiment_name, experiment_id;
  std::string run_id;         ///< go on with this run
  bool run_is_owned = false;  ///< by a job that ends it itself
  std::string user;           ///< for the tag mlflow.user; a login's name, or empty
  std::string parent_run_id;  ///< of a nested run
  Setting tags, run_context;  ///< JSON objects, or empty
  bool flatten_params = false, log_artifacts = false;
  std::optional<std::size_t> max_log_params;
  double wait = 60;         ///< seconds for the end of the run
  std::string unsupported;  ///< a variable that is set in vain, or empty
};

/// transformers' idea of true: 1, ON, YES, TRUE in any case.
bool is_true(std::string text);

/// The server's address, of MLFLOW_TRACKING_URI or the configuration; with an empty text where neither has one.
Setting tracking_uri(const SettingReader& given);

/// Reads all; throws std::invalid_argument with a sentence for a number that is none.
Settings read_settings(const SettingReader& given);

/// "http" of "http://host"; empty when there is none. In small letters.
std::string scheme(const std::string& uri);

/// Why the plugins cannot send to a tracking_uri(), with what to do about it; empty when they can.
std::string uri_problem(const Setting& uri);

/// Whether the path ends in <owner>/<repo>.mlflow, as DagsHub's do.
bool is_dagshub_uri(const std::string& uri);

}  // namespace trainer::plugins::mlflow
