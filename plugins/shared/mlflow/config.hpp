// SPDX-License-Identifier: Apache-2.0
//
// The keys of the configuration that read_settings() has, for the notes of the plugins that log to an MLflow server.
#pragma once

// The note is JSON.
// clang-format off
#define TRAINER_MLFLOW_CONFIG \
    "tracking_uri": {"type": ["string", "null"], "default": null, \
      "description": "MLFLOW_TRACKING_URI: the server's address"}, \
    "tracking_username": {"type": ["string", "null"], "default": null, \
      "description": "MLFLOW_TRACKING_USERNAME"}, \
    "tracking_password": {"type": ["string", "null"], "default": null, \
      "description": "MLFLOW_TRACKING_PASSWORD; better kept in the environment"}, \
    "tracking_token": {"type": ["string", "null"], "default": null, \
      "description": "MLFLOW_TRACKING_TOKEN; better kept in the environment"}, \
    "tracking_insecure_tls": {"type": ["boolean", "null"], "default": null, \
      "description": "MLFLOW_TRACKING_INSECURE_TLS: do not check the server's certificate; false by default"}, \
    "tracking_server_cert_path": {"type": ["string", "null"], "default": null, \
      "description": "MLFLOW_TRACKING_SERVER_CERT_PATH: file or directory to check the certificate with"}, \
    "tracking_client_cert_path": {"type": ["string", "null"], "default": null, \
      "description": "MLFLOW_TRACKING_CLIENT_CERT_PATH: the client's certificate, PEM with its key"}, \
    "http_request_timeout": {"type": ["number", "null"], "default": null, "minimum": 0, \
      "description": "MLFLOW_HTTP_REQUEST_TIMEOUT: seconds without a byte; 120 by default"}, \
    "http_request_max_retries": {"type": ["integer", "null"], "default": null, "minimum": 0, \
      "description": "MLFLOW_HTTP_REQUEST_MAX_RETRIES; 7 by default"}, \
    "http_request_backoff_factor": {"type": ["number", "null"], "default": null, "minimum": 0, \
      "description": "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR in seconds; 2 by default"}, \
    "http_request_backoff_jitter": {"type": ["number", "null"], "default": null, "minimum": 0, \
      "description": "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER in seconds; 1 by default"}, \
    "http_respect_retry_after_header": {"type": ["boolean", "null"], "default": null, \
      "description": "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER; true by default"}, \
    "experiment_name": {"type": ["string", "null"], "default": null, \
      "description": "MLFLOW_EXPERIMENT_NAME: created if it is missing; \"Default\" by default"}, \
    "experiment_id": {"type": ["string", "null"], "default": null, \
      "description": "MLFLOW_EXPERIMENT_ID"}, \
    "run_id": {"type": ["string", "null"], "default": null, \
      "description": "MLFLOW_RUN_ID: continue that run"}, \
    "nested_run": {"type": ["boolean", "null"], "default": null, \
      "description": "MLFLOW_NESTED_RUN: the run is a child of parent_run_id; false by default"}, \
    "parent_run_id": {"type": ["string", "null"], "default": null, \
      "description": "MLFLOW_PARENT_RUN_ID"}, \
    "tags": {"type": ["object", "null"], "default": null, \
      "description": "MLFLOW_TAGS of the run"}, \
    "run_context": {"type": ["object", "null"], "default": null, \
      "description": "MLFLOW_RUN_CONTEXT: tags of a new run"}, \
    "flatten_params": {"type": ["boolean", "null"], "default": null, \
      "description": "MLFLOW_FLATTEN_PARAMS: log a.b for what is in a; false by default"}, \
    "max_log_params": {"type": ["integer", "null"], "default": null, "minimum": 0, \
      "description": "MLFLOW_MAX_LOG_PARAMS: the maximum number of parameters; no limit by default"}, \
    "log_artifacts": {"type": ["boolean", "null"], "default": null, \
      "description": "HF_MLFLOW_LOG_ARTIFACTS: upload checkpoints; false by default"}, \
    "wait": {"type": ["number", "null"], "default": null, "minimum": 0, \
      "description": "TRAINER_MLFLOW_WAIT: seconds at the end for what is not sent yet; 60 by default"}
// clang-format on
