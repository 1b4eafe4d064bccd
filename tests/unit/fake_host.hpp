// SPDX-License-Identifier: Apache-2.0
//
// A host for tests of plugins: it loads the shared library, and plays events into it, with no
// trainer.
//
//   FakeHost host;
//   host.arguments["output_dir"] = Cell("out");
//   FakePlugin plugin(host, "csv");
//   host.state.global_step = 2;
//   plugin.fire(TRAINER_ON_LOG, {{"loss", Cell(0.5)}});
#pragma once

#include <dlfcn.h>
#include <trainer/plugin.h>

#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace trainer::test {

/// One value that owns its text.
struct Cell {
  Cell() = default;
  explicit Cell(bool v) : type(TRAINER_BOOLEAN), integer(v) {}
  explicit Cell(int v) : type(TRAINER_INTEGER), integer(v) {}
  explicit Cell(std::int64_t v) : type(TRAINER_INTEGER), integer(v) {}
  explicit Cell(double v) : type(TRAINER_NUMBER), number(v) {}
  explicit Cell(const char* v) : Cell(std::string(v)) {}
  explicit Cell(std::string v) : type(TRAINER_STRING), text(std::move(v)) {}

  void give(trainer_value* out) const {
    *out = {sizeof *out,
            type,
            integer,
            type == TRAINER_NUMBER ? number : static_cast<double>(integer),
            {text.data(), text.size()}};
  }

  std::uint32_t type = TRAINER_NULL;
  std::int64_t integer = 0;
  double number = 0;
  std::string text;
};

inline Cell json_cell(std::string text) {
  Cell cell(std::move(text));
  cell.type = TRAINER_JSON;
  return cell;
}

using Row = std::vector<std::pair<std::string, Cell>>;

inline std::string text_of(const char* data, std::uint64_t size) {
  return {data, static_cast<std::size_t>(size)};
}

/// trainer_map over a Row, for reading. A text that it gives dies with the next call, as the
/// contract allows: a plugin that keeps one reads garbage here, and not only with another host.
class FakeMap {
 public:
  explicit FakeMap(const Row& row) : row_(row) {
    table_.struct_size = sizeof table_;
    table_.data = this;
    table_.size = [](const trainer_map* map) -> std::uint64_t { return of(map).row_.size(); };
    table_.at = [](const trainer_map* map, std::uint64_t i, trainer_text* key,
                   trainer_value* value) { return of(map).give(i, key, value); };
    table_.get = [](const trainer_map* map, const char* key, std::uint64_t size,
                    trainer_value* value) -> int32_t {
      const FakeMap& self = of(map);
      for (std::size_t i = 0; i < self.row_.size(); ++i)
        if (self.row_[i].first == text_of(key, size)) return self.give(i, nullptr, value);
      return TRAINER_NOT_FOUND;
    };
    table_.set = [](trainer_map*, const char*, std::uint64_t, const trainer_value*) -> int32_t {
      return TRAINER_ERROR;
    };
    table_.remove = [](trainer_map*, const char*, std::uint64_t) -> int32_t {
      return TRAINER_ERROR;
    };
  }
  FakeMap(const FakeMap&) = delete;
  FakeMap& operator=(const FakeMap&) = delete;
  trainer_map* table() { return &table_; }

 private:
  static const FakeMap& of(const trainer_map* map) {
    return *static_cast<const FakeMap*>(map->data);
  }

  int32_t give(std::uint64_t index, trainer_text* key, trainer_value* value) const {
    std::memset(key_, '#', sizeof key_);
    std::memset(text_, '#', sizeof text_);
    if (index >= row_.size()) return TRAINER_NOT_FOUND;
    const auto& [name, cell] = row_[static_cast<std::size_t>(index)];
    if (key != nullptr) *key = copy(name, key_);
    cell.give(value);
    value->text = copy(cell.text, text_);
    return TRAINER_OK;
  }

  template <std::size_t Size>
  static trainer_text copy(const std::string& text, char (&to)[Size]) {
    if (text.size() > Size) throw std::length_error("the test's text is too long");
    std::memcpy(to, text.data(), text.size());
    return {to, text.size()};
  }

  const Row& row_;
  trainer_map table_{};
  mutable char key_[256], text_[4096];
};

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
    table_.log = [](const trainer_host* host, std::uint32_t level, const char* text,
                    std::uint64_t size) {
      of(host).lines.push_back({level, text_of(text, size)});
    };
    table_.set_error = [](const trainer_host* host, const char* text, std::uint64_t size) {
      of(host).error = text_of(text, size);
    };
    table_.config_json = [](const trainer_host*, trainer_text* json) { *json = {"{}", 2}; };
    table_.config = [](const trainer_host* host, const char* key, std::uint64_t size,
                       trainer_value* value) { return find(of(host).config, key, size, value); };
    table_.argument = [](const trainer_host* host, const char* key, std::uint64_t size,
                         trainer_value* value) {
      return find(of(host).arguments, key, size, value);
    };
    table_.arguments_json = [](const trainer_host* host, trainer_text* json) {
      *json = {of(host).arguments_json.data(), of(host).arguments_json.size()};
    };
    table_.model_config_json = [](const trainer_host* host, trainer_text* json) {
      *json = {of(host).model_config_json.data(), of(host).model_config_json.size()};
    };
    table_.log_history_size = [](const trainer_host*) -> std::uint64_t { return 0; };
    table_.log_history_at = [](const trainer_host*, std::uint64_t) -> const trainer_map* {
      return nullptr;
    };
    table_.get_extension = [](const trainer_host*, const char*) -> const void* { return nullptr; };
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;
  const trainer_host* table() const { return &table_; }

  std::map<std::string, Cell> arguments, config;
  std::string arguments_json = "{}", model_config_json;
  trainer_state state{};
  trainer_control control{sizeof(trainer_control), 0, 0, 0, 0, 0, 0, 0};

  std::vector<std::pair<std::uint32_t, std::string>> lines;  // what the plugin logged
  std::string error;                                         // its last sentence

 private:
  static FakeHost& of(const trainer_host* host) { return *static_cast<FakeHost*>(host->data); }
  static int32_t find(const std::map<std::string, Cell>& in, const char* key, std::uint64_t size,
                      trainer_value* value) {
    const auto found = in.find(text_of(key, size));
    if (found == in.end()) return TRAINER_NOT_FOUND;
    found->second.give(value);
    return TRAINER_OK;
  }

  trainer_host table_{};
};

/// One instance of the plugin `directory`/<id>.so. The library stays loaded, as with the real host.
class FakePlugin {
 public:
  FakePlugin(FakeHost& host, const std::string& id, const std::string& directory) : host_(host) {
    const std::string file = directory + "/" + id + ".so";
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(dlerror());
    void* symbol = dlsym(library, TRAINER_ENTRY_NAME);
    if (symbol == nullptr) throw std::runtime_error(file + " has no " TRAINER_ENTRY_NAME);
    if (reinterpret_cast<trainer_plugin_entry_function>(symbol)()->create(host.table(),
                                                                          &callback_) != TRAINER_OK)
      throw std::runtime_error(host.error);
  }
  FakePlugin(const FakePlugin&) = delete;
  FakePlugin& operator=(const FakePlugin&) = delete;
  ~FakePlugin() {
    if (callback_ != nullptr && callback_->destroy != nullptr) callback_->destroy(callback_);
  }

  /// The slot's status; TRAINER_OK when it is not subscribed. `values` are the logs or metrics.
  int32_t fire(std::uint32_t kind, const Row& values = {}) {
    FakeMap map(values);
    return fire(kind, map);
  }
  int32_t fire(std::uint32_t kind, FakeMap& map) {
    const trainer_slot* slots = &callback_->on_init_end;
    if (slots[kind] == nullptr) return TRAINER_OK;
    host_.error.clear();
    trainer_event event{sizeof event, kind, &host_.state, &host_.control, map.table(), 0, 0, -1};
    return slots[kind](callback_, &event);
  }

 private:
  FakeHost& host_;
  trainer_callback* callback_ = nullptr;
};

/// The entries of a log_history.json: a list of flat objects of numbers (an int where it is written
/// as one), texts without escapes, booleans and nulls.
inline std::vector<Row> read_history(const std::string& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error(file + " could not be opened");
  std::stringstream all;
  all << in.rdbuf();
  const std::string s = all.str();
  std::vector<Row> history;
  for (std::size_t at = s.find_first_of("{\"", 0); at != std::string::npos;
       at = s.find_first_of("{\"", at)) {
    if (s[at] == '{') {
      history.emplace_back(), ++at;
      continue;
    }
    const std::size_t key_end = s.find('"', at + 1);
    const std::size_t begin = s.find_first_not_of(": ", key_end + 1);
    Cell cell;
    std::size_t end = 0;
    if (s[begin] == '"') {
      end = s.find('"', begin + 1) + 1;
      cell = Cell(s.substr(begin + 1, end - begin - 2));
    } else {
      end = s.find_first_of(",}\n", begin);
      const std::string word = s.substr(begin, end - begin);
      if (word == "true" || word == "false")
        cell = Cell(word == "true");
      else if (word.find_first_of(".eE") != std::string::npos)
        cell = Cell(std::stod(word));
      else if (word != "null")
        cell = Cell(static_cast<std::int64_t>(std::stoll(word)));
    }
    history.back().emplace_back(s.substr(at + 1, key_end - at - 1), cell);
    at = end;
  }
  return history;
}

/// Plays a history as a training does: the entry's "step" becomes state.global_step, and the rest
/// the logs. Stops at the first status that is not TRAINER_OK and gives it.
inline int32_t play(FakeHost& host, FakePlugin& plugin, const std::vector<Row>& history) {
  int32_t status = plugin.fire(TRAINER_ON_TRAIN_BEGIN);
  for (const Row& entry : history) {
    if (status != TRAINER_OK) return status;
    Row logs;
    for (const auto& [key, cell] : entry)
      if (key == "step")
        host.state.global_step = cell.integer;
      else
        logs.emplace_back(key, cell);
    status = plugin.fire(TRAINER_ON_LOG, logs);
  }
  return status == TRAINER_OK ? plugin.fire(TRAINER_ON_TRAIN_END) : status;
}

}  // namespace trainer::test
