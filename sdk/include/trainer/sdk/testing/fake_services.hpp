// SPDX-License-Identifier: Apache-2.0
//
// FakeHost: the services of a host, what a plugin is given and what it gave; fake_host.hpp has an example.
#pragma once

#include <trainer/event.h>
#include <trainer/ext/checkpoint.h>
#include <trainer/ext/model.h>
#include <trainer/ext/objects.h>
#include <trainer/ext/optimizer.h>
#include <trainer/ext/parameters.h>
#include <trainer/ext/process.h>
#include <trainer/ext/run.h>
#include <trainer/host.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <trainer/sdk/testing/values.hpp>
#include <utility>
#include <vector>

namespace trainer::sdk::testing {

/// A named tensor of floats on the CPU.
struct FakeTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> data;
  std::vector<std::int64_t> strides{};  ///< in elements; empty: compact
};

/// A group of the optimizer; set_lr() of the plugin changes `lr`.
struct FakeParamGroup {
  double lr, initial_lr, weight_decay;
  std::vector<std::string> params{};
};

/// Appends a Cell, or a text in quotes, as JSON.
inline void append_json(std::string& out, const std::string& text) {
  out += '"';
  for (const char c : text) {
    char escaped[8];
    if (static_cast<unsigned char>(c) < 0x20) {
      out.append(escaped,
                 static_cast<std::size_t>(std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c))));
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}
inline void append_json(std::string& out, const Cell& cell) {
  char digits[40];
  switch (cell.type) {
    case TRAINER_BOOLEAN:
      out += cell.integer != 0 ? "true" : "false";
      break;
    case TRAINER_INTEGER:
      out += std::to_string(cell.integer);
      break;
    case TRAINER_NUMBER:
      std::snprintf(digits, sizeof digits, "%.17g", cell.number);
      out += std::isnan(cell.number)   ? "NaN"
             : std::isinf(cell.number) ? (cell.number > 0 ? "Infinity" : "-Infinity")
                                       : digits;
      if (std::strspn(digits, "-0123456789") == std::strlen(digits)) out += ".0";  // or it were an int
      break;
    case TRAINER_STRING:
      append_json(out, cell.text);
      break;
    default:
      out += cell.type == TRAINER_JSON ? cell.text : "null";
  }
}

/// trainer_host over public members; set them before the plugin is made or between events.
class FakeHost {
 public:
  FakeHost() {
    state.struct_size = sizeof state;
    state.is_world_process_zero = state.is_local_process_zero = 1;
    table_.struct_size = sizeof table_;
    table_.abi_major = TRAINER_ABI_MAJOR;
    table_.abi_minor = TRAINER_ABI_MINOR;
    table_.data = this;
    table_.log = [](const trainer_host* host, std::uint32_t level, const char* text, std::uint64_t size) {
      const std::lock_guard<std::mutex> lock(of(host).mutex_);
      of(host).lines.push_back({level, text_of(text, size)});
    };
    table_.set_error = [](const trainer_host* host, const char* text, std::uint64_t size) {
      at("set_error", host).error = text_of(text, size);
    };
    table_.config_json = [](const trainer_host* host, trainer_text* json) {
      *json = at("config_json", host).config_text();
    };
    table_.config = [](const trainer_host* host, const char* key, std::uint64_t size, trainer_value* value) {
      return find(at("config", host).config, key, size, value);
    };
    table_.argument = [](const trainer_host* host, const char* key, std::uint64_t size, trainer_value* value) {
      return find(at("argument", host).arguments, key, size, value);
    };
    table_.arguments_json = [](const trainer_host* host, trainer_text* json) {
      *json = {at("arguments_json", host).arguments_json.data(), of(host).arguments_json.size()};
    };
    table_.model_config_json = [](const trainer_host* host, trainer_text* json) {
      *json = {at("model_config_json", host).model_config_json.data(), of(host).model_config_json.size()};
    };
    table_.log_history_size = [](const trainer_host* host) -> std::uint64_t {
      return at("log_history_size", host).log_history.size();
    };
    table_.log_history_at = [](const trainer_host* host, std::uint64_t i) {
      return at("log_history_at", host).history_at(i);
    };
    table_.get_extension = [](const trainer_host* host, const char* id) {
      at("get_extension", host).asked.insert(id);
      return of(host).extension(id);
    };
    table_.state_json = [](const trainer_host* host, trainer_text* json) {
      *json = at("state_json", host).state_text();
    };
    table_.request_stop = [](const trainer_host* host) { ++of(host).stop_requests; };
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;
  const trainer_host* table() const { return &table_; }

  std::map<std::string, Cell> arguments, config;
  std::string config_json;  ///< as config_json() gives it; empty: made of `config`
  std::string arguments_json = "{}", model_config_json;
  std::vector<Row> log_history;
  trainer_state state{};
  trainer_control control{sizeof(trainer_control), 0, 0, 0, 0, 0, 0, 0};
  std::string state_json;  ///< as state_json() gives it; empty: made of `state` and `log_history`
  std::uint32_t has = 0;   ///< TRAINER_EVENT_HAS_... of the events
  std::int64_t eval_dataloader_size = -1, train_dataloader_size = -1;  ///< of the events
  std::atomic<int> stop_requests{0};  ///< how often the plugin asked for the end, on whatever thread

  /// Extensions that this host offers; take one out to be a host without it.
  std::set<std::string> offered{TRAINER_EXT_RUN,     TRAINER_EXT_PARAMETERS, TRAINER_EXT_MODEL,     TRAINER_EXT_OBJECTS,
                                TRAINER_EXT_PROCESS, TRAINER_EXT_OPTIMIZER,  TRAINER_EXT_CHECKPOINT};
  std::set<std::string> asked;  ///< those that the plugin asked for
  std::uint32_t run_kind = TRAINER_RUN_TRAINING;
  trainer_process process{sizeof(trainer_process), 0, 0, 1, 0, 1, 0, 0};
  std::string saved_checkpoint, resumed_checkpoint;          ///< directories, as the events are told them; empty: none
  std::map<std::uint32_t, std::vector<FakeTensor>> tensors;  ///< by TRAINER_OF_...
  std::vector<FakeParamGroup> param_groups;
  std::string refused_lr;  ///< why set_lr() refused what the plugin gave it last
  std::uint32_t present_objects = TRAINER_MODEL_TRAINING;
  std::string objects_json = "{}";
  std::vector<std::string> saved_models;  ///< the directories that save() was asked for; nothing is written

  std::vector<std::pair<std::uint32_t, std::string>> lines;  ///< what the plugin logged
  std::string error;                                         ///< its last sentence
  std::string misuse;  ///< a function that was called from another thread than this object was made on

 private:
  static FakeHost& of(const trainer_host* host) { return *static_cast<FakeHost*>(host->data); }
  static FakeHost& at(const char* function, const trainer_host* host) {
    FakeHost& self = of(host);
    if (std::this_thread::get_id() != self.thread_) {
      const std::lock_guard<std::mutex> lock(self.mutex_);
      self.misuse = function;
    }
    return self;
  }
  static std::int32_t find(const std::map<std::string, Cell>& in, const char* key, std::uint64_t size,
                           trainer_value* value) {
    const auto found = in.find(text_of(key, size));
    if (found == in.end()) return TRAINER_NOT_FOUND;
    found->second.give(value);
    return TRAINER_OK;
  }

  trainer_text config_text() {
    config_made_ = config_json.empty() ? json_of(config) : config_json;
    return {config_made_.data(), config_made_.size()};
  }

  // What is a double in trainer_state is a float here.
  trainer_text state_text() {
    state_made_ = state_json;
    if (!state_json.empty()) return {state_made_.data(), state_made_.size()};
    const auto present = [&](std::uint32_t bit, Cell cell) { return (state.present & bit) != 0 ? cell : Cell(); };
    std::string history;
    for (const Row& row : log_history) history += (history.empty() ? "" : ", ") + json_of(row);
    const Row fields = {{"best_global_step", present(TRAINER_STATE_HAS_BEST_GLOBAL_STEP, Cell(state.best_global_step))},
                        {"best_metric", present(TRAINER_STATE_HAS_BEST_METRIC, Cell(state.best_metric))},
                        {"best_model_checkpoint",
                         present(TRAINER_STATE_HAS_BEST_MODEL_CHECKPOINT, cell_of(state.best_model_checkpoint))},
                        {"epoch", Cell(state.epoch)},
                        {"eval_steps", Cell(state.eval_steps)},
                        {"global_step", Cell(state.global_step)},
                        {"is_hyper_param_search", Cell(state.is_hyper_param_search != 0)},
                        {"is_local_process_zero", Cell(state.is_local_process_zero != 0)},
                        {"is_world_process_zero", Cell(state.is_world_process_zero != 0)},
                        {"log_history", json_cell("[" + history + "]")},
                        {"logging_steps", Cell(state.logging_steps)},
                        {"max_steps", Cell(state.max_steps)},
                        {"num_input_tokens_seen", Cell(state.num_input_tokens_seen)},
                        {"num_train_epochs", Cell(state.num_train_epochs)},
                        {"save_steps", Cell(state.save_steps)},
                        {"stateful_callbacks", json_cell("{}")},
                        {"total_flos", Cell(state.total_flos)},
                        {"train_batch_size", present(TRAINER_STATE_HAS_TRAIN_BATCH_SIZE, Cell(state.train_batch_size))},
                        {"trial_name", present(TRAINER_STATE_HAS_TRIAL_NAME, cell_of(state.trial_name))},
                        {"trial_params", Cell()}};
    state_made_ = "{";
    for (const auto& [key, cell] : fields) {
      state_made_ += state_made_.size() > 1 ? ",\n  " : "\n  ";
      append_json(state_made_, key), state_made_ += ": ", append_json(state_made_, cell);
    }
    state_made_ += "\n}\n";
    return {state_made_.data(), state_made_.size()};
  }
  static Cell cell_of(const trainer_text& text) { return Cell(text_of(text.data, text.size)); }
  template <typename Cells>
  static std::string json_of(const Cells& row) {
    std::string out = "{";
    for (const auto& [key, cell] : row) {
      if (out.size() > 1) out += ", ";
      append_json(out, key), out += ": ", append_json(out, cell);
    }
    return out + "}";
  }

  const trainer_map* history_at(std::uint64_t index) {
    if (index >= log_history.size()) return nullptr;
    const Row& entry = log_history[static_cast<std::size_t>(index)];
    history_ = std::make_unique<FakeMap>(entry);
    return history_->table();
  }

  const void* extension(const char* id) const {
    static const trainer_ext_run run = {sizeof(trainer_ext_run), 0,
                                        [](const trainer_host* host) { return of(host).run_kind; }};
    static const trainer_ext_process process = {sizeof(trainer_ext_process), 0,
                                                [](const trainer_host* host, trainer_process* out) -> std::int32_t {
                                                  if (out->struct_size < sizeof *out) return TRAINER_ERROR;
                                                  const std::uint32_t given = out->struct_size;
                                                  *out = of(host).process;
                                                  out->struct_size = given;
                                                  return TRAINER_OK;
                                                }};
    static const trainer_ext_parameters parameters = {
        sizeof(trainer_ext_parameters), 0,
        [](const trainer_host* host, std::uint32_t which) -> std::uint64_t { return of(host).tensors[which].size(); },
        [](const trainer_host* host, std::uint32_t which, std::uint64_t index, trainer_text* name,
           trainer_tensor* tensor) { return of(host).tensor_at(which, index, name, tensor); },
        [](const trainer_host* host, std::uint32_t which, std::uint64_t index, void* to, std::uint64_t size) {
          return of(host).tensor_copy(which, index, to, size);
        }};
    static const trainer_ext_model model = {
        sizeof(trainer_ext_model), 0,
        [](const trainer_host* host, const char* directory, std::uint64_t size, trainer_text*) {
          of(host).saved_models.push_back(text_of(directory, size));
          return static_cast<std::int32_t>(TRAINER_OK);
        }};
    static const trainer_ext_objects objects = {sizeof(trainer_ext_objects), 0,
                                                [](const trainer_host* host) { return of(host).present_objects; },
                                                [](const trainer_host* host, trainer_text* json) {
                                                  *json = {of(host).objects_json.data(), of(host).objects_json.size()};
                                                }};
    static const trainer_ext_optimizer optimizer = {
        sizeof(trainer_ext_optimizer),
        0,
        [](const trainer_host* host) -> std::uint64_t { return at("count of the groups", host).param_groups.size(); },
        [](const trainer_host* host, std::uint64_t index, trainer_param_group* group) {
          return at("at of the groups", host).group_at(index, group);
        },
        [](const trainer_host* host, std::uint64_t group, std::uint64_t index, trainer_text* name) {
          return at("parameter", host).group_parameter(group, index, name);
        },
        [](const trainer_host* host, std::uint64_t group, double lr) { return at("set_lr", host).set_lr(group, lr); }};
    static const trainer_ext_checkpoint checkpoint = {
        sizeof(trainer_ext_checkpoint), 0,
        [](const trainer_host* host, trainer_text* out) { return give_place(at("saved", host).saved_checkpoint, out); },
        [](const trainer_host* host, trainer_text* out) {
          return give_place(at("resumed_from", host).resumed_checkpoint, out);
        }};
    if (offered.count(id) == 0) return nullptr;
    if (std::strcmp(id, TRAINER_EXT_OPTIMIZER) == 0) return &optimizer;
    if (std::strcmp(id, TRAINER_EXT_CHECKPOINT) == 0) return &checkpoint;
    if (std::strcmp(id, TRAINER_EXT_OBJECTS) == 0) return &objects;
    if (std::strcmp(id, TRAINER_EXT_RUN) == 0) return &run;
    if (std::strcmp(id, TRAINER_EXT_PROCESS) == 0) return &process;
    if (std::strcmp(id, TRAINER_EXT_MODEL) == 0) return &model;
    return std::strcmp(id, TRAINER_EXT_PARAMETERS) == 0 ? &parameters : nullptr;
  }

  static std::int32_t give_place(const std::string& place, trainer_text* out) {
    if (place.empty()) return TRAINER_NOT_FOUND;
    *out = {place.data(), place.size()};
    return TRAINER_OK;
  }

  std::int32_t tensor_at(std::uint32_t which, std::uint64_t index, trainer_text* name, trainer_tensor* out) {
    auto& list = tensors[which];
    if (index >= list.size()) return TRAINER_NOT_FOUND;
    FakeTensor& tensor = list[static_cast<std::size_t>(index)];
    if (tensor.strides.size() != tensor.shape.size()) {
      tensor.strides.assign(tensor.shape.size(), 1);
      for (std::size_t i = tensor.shape.size(); i-- > 1;) tensor.strides[i - 1] = tensor.strides[i] * tensor.shape[i];
    }
    *name = {tensor.name.data(), tensor.name.size()};
    const std::uint32_t given = out->struct_size;
    *out = {given,
            1,
            tensor.data.data(),
            0,
            tensor.shape.data(),
            tensor.strides.data(),
            static_cast<std::int32_t>(tensor.shape.size()),
            1,
            0,
            2,
            32,
            1,
            nullptr};
    return TRAINER_OK;
  }

  std::int32_t tensor_copy(std::uint32_t which, std::uint64_t index, void* to, std::uint64_t size) {
    const auto& list = tensors[which];
    if (index >= list.size()) return TRAINER_NOT_FOUND;
    const FakeTensor& tensor = list[static_cast<std::size_t>(index)];
    std::vector<float> compact;
    const std::int64_t elements =
        std::accumulate(tensor.shape.begin(), tensor.shape.end(), std::int64_t{1}, std::multiplies<>());
    for (std::int64_t i = 0; i < elements; ++i) {
      std::int64_t rest = i, at = 0, compact_stride = 1;
      for (std::size_t d = tensor.shape.size(); d-- > 0; rest /= tensor.shape[d]) {
        at += rest % tensor.shape[d] * (tensor.strides.empty() ? compact_stride : tensor.strides[d]);
        compact_stride *= tensor.shape[d];
      }
      compact.push_back(tensor.data[static_cast<std::size_t>(at)]);
    }
    if (size != compact.size() * sizeof(float)) return TRAINER_ERROR;
    if (size > 0) std::memcpy(to, compact.data(), static_cast<std::size_t>(size));
    return TRAINER_OK;
  }

  std::int32_t group_at(std::uint64_t index, trainer_param_group* out) const {
    if (index >= param_groups.size()) return TRAINER_NOT_FOUND;
    if (out->struct_size < sizeof *out) return TRAINER_ERROR;
    const FakeParamGroup& group = param_groups[static_cast<std::size_t>(index)];
    *out = {out->struct_size, 0, group.lr, group.initial_lr, group.weight_decay, group.params.size()};
    return TRAINER_OK;
  }
  std::int32_t group_parameter(std::uint64_t group, std::uint64_t index, trainer_text* name) const {
    if (group >= param_groups.size()) return TRAINER_NOT_FOUND;
    const auto& params = param_groups[static_cast<std::size_t>(group)].params;
    if (index >= params.size()) return TRAINER_NOT_FOUND;
    const std::string& text = params[static_cast<std::size_t>(index)];
    *name = {text.data(), text.size()};
    return TRAINER_OK;
  }
  std::int32_t set_lr(std::uint64_t group, double lr) {
    if (group >= param_groups.size())
      return refused_lr = "there is no parameter group " + std::to_string(group), TRAINER_NOT_FOUND;
    if (!std::isfinite(lr) || lr < 0) return refused_lr = std::to_string(lr) + " is no learning rate", TRAINER_ERROR;
    param_groups[static_cast<std::size_t>(group)].lr = lr;
    return TRAINER_OK;
  }

  trainer_host table_{};
  const std::thread::id thread_ = std::this_thread::get_id();
  std::mutex mutex_;
  std::string config_made_, state_made_;
  std::unique_ptr<FakeMap> history_;
};

}  // namespace trainer::sdk::testing
