// SPDX-License-Identifier: Apache-2.0
//
// What a plugin does to the contract's own structs: those of an event, its own, and its host's.
#pragma once

#include <trainer/ext/state.h>
#include <trainer/plugin.h>

#include <csetjmp>

#include "attacks.hpp"

namespace attacks {

inline const trainer_host* host = nullptr;
inline trainer_callback callback;
inline const trainer_event* now = nullptr;  // in an event
inline trainer_map* kept = nullptr;         // of an event that is over
inline std::jmp_buf frame;                  // of a slot that has returned
inline bool has_frame = false;

inline trainer_value text_value(std::uint32_t type, const std::string& text) {
  return {sizeof(trainer_value), type, 0, 0, {text.data(), text.size()}};
}
inline trainer_value empty_value() { return {sizeof(trainer_value), 0, 0, 0, {}}; }

/// For all functions of a map: in events without one there is nothing to do.
inline trainer_map* map() { return now ? now->values : nullptr; }
inline void set(const std::string& key, trainer_value value) {
  if (map()) map()->set(map(), key.data(), key.size(), &value);
}
inline void set_number(const std::string& key) { set(key, {sizeof(trainer_value), TRAINER_NUMBER, 0, 1, {}}); }
inline void set_text(const std::string& key, const std::string& text) { set(key, text_value(TRAINER_STRING, text)); }
inline void set_json(const std::string& key, const std::string& text) { set(key, text_value(TRAINER_JSON, text)); }

/// With a text that the map lends and that the call is about to change.
inline void set_lent(const std::string& from, const std::string& to) {
  trainer_value value = empty_value();
  if (map() && map()->get(map(), from.data(), from.size(), &value) == TRAINER_OK) set(to, value);
}
inline void remove_first() {
  trainer_text key{};
  if (map() && map()->at(map(), 0, &key, nullptr) == TRAINER_OK) map()->remove(map(), key.data, key.size);
}
inline void remove_all() {
  while (map() && map()->size(map()) > 0) remove_first();
}
inline void read_all(std::uint64_t capacity, std::uint32_t struct_size) {
  trainer_text keys[100];
  trainer_value values[100]{};
  values[0].struct_size = struct_size;
  if (map()) map()->read(map(), 0, capacity, keys, values);
}
inline void log_text(const std::string& text, std::uint32_t level = TRAINER_LOG_WARNING) {
  host->log(host, level, text.data(), text.size());
}

/// A line of its own, colours and a bell, if anybody lets them through.
inline const std::string forged = "a\nerror: forged [x.y]\x1b[2J\r\x07\xc2\x9b";

/// Changes of a log that a callback may make.
inline const std::map<std::string, Act> changes = {
    {"huge text", [] { set_text("text", std::string(1 << 26, 'x')); }},
    {"many huge texts",
     [] {
       for (int i = 0; i < 5; ++i) set_text("text" + std::to_string(i), std::string(1 << 26, 'x'));
     }},
    {"many keys",
     [] {
       for (int i = 0; i < 100000; ++i) set_number("key" + std::to_string(i));
     }},
    {"deep json", [] { set_json("json", std::string(100000, '[') + std::string(100000, ']')); }},
    {"json of 64 levels", [] { set_json("json", std::string(64, '[') + std::string(64, ']')); }},
    {"private json", [] { set_json("json", "\"\xee\x80\x80trainer:hello\""); }},
    {"forged key", [] { set_number(forged); }},
    {"key with a zero", [] { set_number(std::string("a\0b", 3)); }},
    {"empty key", [] { set_number(""); }},
    {"removes all", remove_all},
    {"removes a lent key", remove_first},
    {"sets a lent text", [] { set_text("text", std::string(40, 'a')), set_lent("text", "text"); }},
    {"sets a lent json", [] { set_json("json", "[1, 2, 3]"), set_lent("json", "other"), set_lent("json", "json"); }},
};

/// Nothing that a plugin may do.
inline const std::map<std::string, Act> to_structs = {
    {"state", [] { std::memset(const_cast<trainer_state*>(now->state), 0xff, sizeof *now->state); }},
    {"state size", [] { const_cast<trainer_state*>(now->state)->struct_size = 0; }},
    {"control size", [] { now->control->struct_size = 0; }},
    {"control reserved", [] { now->control->reserved = 7, now->control->reserved2 = 9; }},
    {"flags", [] { now->control->should_training_stop = 77; }},
    {"map table",
     [] {
       if (map()) std::memset(map(), 0, sizeof *map());
     }},
    {"map data",
     [] {
       if (map()) map()->data = reinterpret_cast<void*>(0x1234);
     }},
    {"event", [] { std::memset(const_cast<trainer_event*>(now), 0, sizeof *now); }},
    {"host table", [] { std::memset(const_cast<trainer_host*>(host), 0, sizeof *host); }},
    {"host data", [] { const_cast<trainer_host*>(host)->data = nullptr; }},
    {"own slots", [] { std::memset(&callback.on_init_end, 0x11, sizeof(trainer_slot) * 4); }},
    {"no slots", [] { callback.on_log = callback.on_step_end = callback.on_train_end = nullptr; }},
    {"own table", [] { std::memset(&callback, 0xff, sizeof callback); }},
    {"own size",
     [] {
       callback.struct_size = 0;
       callback.destroy = reinterpret_cast<void(TRAINER_CALL*)(trainer_callback*)>(1);
     }},
    {"host's texts",
     [] { ::munmap(reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(host->log) & ~4095ul), 65536); }},
    {"kept map",
     [] {
       if (kept) kept->size(kept);
       kept = map();
     }},
    {"kept map, changed",
     [] {
       const trainer_value value{sizeof value, TRAINER_INTEGER, 1, 1, {}};
       if (kept) kept->set(kept, "a", 1, &value);
       kept = map();
     }},
    {"jumps back",
     [] {
       if (has_frame) std::longjmp(frame, 1);
       if (setjmp(frame) == 0) has_frame = true;
     }},
    {"huge sizes",
     [] {
       trainer_value value = empty_value();
       host->config(host, "a", std::uint64_t{1} << 60, &value);
       host->argument(host, "a", std::uint64_t{1} << 60, &value);
       host->log(host, TRAINER_LOG_WARNING, nullptr, std::uint64_t{1} << 60);
     }},
    {"null value", [] { host->argument(host, "seed", 4, nullptr); }},
    {"null extension", [] { host->get_extension(host, nullptr); }},
    {"null arrays",
     [] {
       if (map()) map()->read(map(), 0, 5, nullptr, nullptr);
     }},
    {"largest capacity", [] { read_all(~std::uint64_t{0}, sizeof(trainer_value)); }},
    {"odd distance", [] { read_all(3, sizeof(trainer_value) + 1); }},
    {"odd level", [] { log_text("x", 0xffffffff); }},
    {"history",
     [] {
       auto* const first = const_cast<trainer_map*>(host->log_history_at(host, 0));
       const trainer_value value{sizeof value, TRAINER_INTEGER, 1, 1, {}};
       if (first && first->set(first, "a", 1, &value) == TRAINER_OK) crash();
     }},
    {"error without end", [] { host->set_error(host, "x", std::uint64_t{1} << 40); }},
    {"forged line", [] { log_text(forged); }},
    {"line at exit", [] { std::atexit([] { log_text("after the end"); }); }},
    {"many lines",
     [] {
       for (int i = 0; i < 20000; ++i) log_text(std::string(10000, '.'));
     }},
    {"thread logs",
     [] {
       std::thread([] {
         for (;;) log_text("late", TRAINER_LOG_INFO), ::usleep(100);
       }).detach();
     }},
    {"thread asks",
     [] {
       std::thread([] {
         for (;;) {
           trainer_text text{};
           trainer_value value = empty_value();
           host->arguments_json(host, &text);
           host->argument(host, "learning_rate", 13, &value);
         }
       }).detach();
     }},
};

}  // namespace attacks
