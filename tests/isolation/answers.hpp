// SPDX-License-Identifier: Apache-2.0
//
// What a plugin gives to those who ask for something else.
#pragma once

#include "structs.hpp"

namespace attacks {

/// To `create`.
inline const std::map<std::string, std::int32_t (*)(trainer_callback**)> instances = {
    {"nothing given", [](trainer_callback**) { return TRAINER_OK; }},
    {"no address",
     [](trainer_callback** out) {
       *out = reinterpret_cast<trainer_callback*>(0x10);
       return TRAINER_OK;
     }},
    {"odd address",
     [](trainer_callback** out) {
       static char bytes[sizeof callback + 1];
       std::memcpy(bytes + 1, &callback, sizeof callback);
       *out = reinterpret_cast<trainer_callback*>(bytes + 1);
       return TRAINER_OK;
     }},
    {"instance and error",
     [](trainer_callback** out) {
       *out = &callback;
       host->set_error(host, "nope", 4);
       return TRAINER_ERROR;
     }},
    {"slot without code",
     [](trainer_callback** out) {
       callback.on_log = reinterpret_cast<trainer_slot>(0x1234);
       *out = &callback;
       return TRAINER_OK;
     }},
    {"unavailable", [](trainer_callback**) { return TRAINER_UNAVAILABLE; }},
    {"unknown status", [](trainer_callback**) { return 12345; }},
};

/// To both kinds of `get_extension`.
inline const std::map<std::string, const void* (*)()> extensions = {
    {"no address", []() -> const void* { return reinterpret_cast<void*>(0x10); }},
    {"no size",
     []() -> const void* {
       static const std::uint32_t size = 0;
       return &size;
     }},
    {"once only",
     []() -> const void* {
       static const trainer_ext_state state = {sizeof state, 0, nullptr, nullptr, nullptr};
       static int asked = 0;
       return asked++ == 0 ? &state : nullptr;
     }},
};

/// To `class_name`.
inline const std::map<std::string, trainer_text> class_names = {
    {"no text", {nullptr, 5}},
    {"no end", {"x", std::uint64_t{1} << 62}},
    {"not UTF-8", {"\xff\xfe", 2}},
    {"forged", {"a\nb\x1b[2J", 7}},
    {"the trainer's", {"TrainerControl", 14}},
    {"very long", {nullptr, 100000000}},  // made when it is asked for
};

/// To `available`.
inline const std::map<std::string, std::int32_t (*)(const trainer_host*)> availabilities = {
    {"unknown status", [](const trainer_host*) { return 12345; }},
    {"asks for what it may not",
     [](const trainer_host* asked) {
       trainer_text text{};
       asked->arguments_json(asked, &text);
       asked->model_config_json(asked, &text);
       asked->log_history_size(asked);
       asked->get_extension(asked, "trainer.parameters/1");
       return TRAINER_OK;
     }},
};

}  // namespace attacks
