// SPDX-License-Identifier: Apache-2.0
//
// Escapes and values of the bridge's JSON.
#include "shared/python_bridge/json_text.hpp"

#include <cmath>
#include <trainer/sdk/repr.hpp>

namespace trainer::plugins {
namespace {

// A step count that is whole is an int in transformers.
void append_steps(std::string& out, double value) {
  if (std::abs(value) < 9e15 && value == std::floor(value))
    sdk::append_repr(out, static_cast<std::int64_t>(value));
  else
    append_json(out, value);
}

void append_flag(std::string& out, bool value) { out += value ? "true" : "false"; }

}  // namespace

void append_json(std::string& out, std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += digits[static_cast<unsigned char>(c) >> 4];
      out += digits[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_json(std::string& out, double value) {
  if (std::isinf(value))
    out += value > 0 ? "Infinity" : "-Infinity";
  else if (std::isnan(value))
    out += "NaN";
  else
    sdk::append_repr(out, value);
}

void append_json(std::string& out, const sdk::Value& value) {
  switch (value.raw()->type) {
    case TRAINER_BOOLEAN:
      return append_flag(out, value.flag());
    case TRAINER_INTEGER:
      return sdk::append_repr(out, value.integer());
    case TRAINER_NUMBER:
      return append_json(out, value.number());
    case TRAINER_STRING:
      return append_json(out, value.text());
    case TRAINER_JSON:
      out += value.text();
      return;
    default:
      out += "null";
  }
}

void append_json(std::string& out, const sdk::Map& map) {
  out += '{';
  map.for_each([&](std::string_view key, const sdk::Value& value) {
    append_key(out, key);
    append_json(out, value);
  });
  out += '}';
}

void append_key(std::string& out, std::string_view key) {
  if (out.back() != '{') out += ',';
  append_json(out, key);
  out += ':';
}

void append_json(std::string& out, const trainer_state& state, const StateNumbers& numbers) {
  const auto number = [&](std::string_view key, double value) {
    append_key(out, key);
    if (!numbers.append(out, key, value)) append_json(out, value);
  };
  const auto integer = [&](std::string_view key, std::int64_t value) {
    append_key(out, key);
    sdk::append_repr(out, value);
  };
  const auto steps = [&](std::string_view key, double value) {
    append_key(out, key);
    if (!numbers.append(out, key, value)) append_steps(out, value);
  };
  const auto flag = [&](std::string_view key, std::uint32_t value) {
    append_key(out, key);
    append_flag(out, value != 0);
  };
  out += '{';
  number("epoch", state.epoch);
  integer("global_step", state.global_step);
  integer("max_steps", state.max_steps);
  integer("num_train_epochs", state.num_train_epochs);
  integer("num_input_tokens_seen", state.num_input_tokens_seen);
  steps("logging_steps", state.logging_steps);
  steps("eval_steps", state.eval_steps);
  steps("save_steps", state.save_steps);
  steps("total_flos", state.total_flos);
  flag("is_local_process_zero", state.is_local_process_zero);
  flag("is_world_process_zero", state.is_world_process_zero);
  flag("is_hyper_param_search", state.is_hyper_param_search);
  // Absent ones are None, the default of Python's TrainerState.
  if (state.present & TRAINER_STATE_HAS_BEST_METRIC) number("best_metric", state.best_metric);
  if (state.present & TRAINER_STATE_HAS_BEST_GLOBAL_STEP) integer("best_global_step", state.best_global_step);
  if (state.present & TRAINER_STATE_HAS_TRAIN_BATCH_SIZE) integer("train_batch_size", state.train_batch_size);
  if (state.present & TRAINER_STATE_HAS_BEST_MODEL_CHECKPOINT) {
    append_key(out, "best_model_checkpoint");
    append_json(out, sdk::view(state.best_model_checkpoint));
  }
  if (state.present & TRAINER_STATE_HAS_TRIAL_NAME) {
    append_key(out, "trial_name");
    append_json(out, sdk::view(state.trial_name));
  }
  out += '}';
}

void append_json(std::string& out, const trainer_control& control) {
  out += '[';
  for (const auto flag : {control.should_training_stop, control.should_epoch_stop, control.should_save,
                          control.should_evaluate, control.should_log}) {
    out += flag != 0 ? '1' : '0';
    out += ',';
  }
  out.back() = ']';
}

}  // namespace trainer::plugins
