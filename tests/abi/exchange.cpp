// SPDX-License-Identifier: Apache-2.0
//
// Says how much of the contract the host offers to this plugin, and whether the host spares what lies behind what the
// plugin gives. Built with these headers or with those of the next minor; see exchange.py.
#include <trainer/ext/parameters.h>
#include <cstdio>
#include <cstring>
#include <trainer/sdk.hpp>

namespace {

using namespace trainer::sdk;

// A value, and behind it bytes that a host of any age must leave alone.
struct Guarded {
  trainer_value value{};
  unsigned char behind[64];
  Guarded() {
    value.struct_size = sizeof value;
    std::memset(behind, 0xA5, sizeof behind);
  }
  bool spared() const {
    for (const unsigned char byte : behind)
      if (byte != 0xA5) return false;
    return value.struct_size == sizeof value;
  }
};

template <typename T>
const char* compared(const T* given) {
  return given->struct_size > sizeof(T) ? "larger" : given->struct_size < sizeof(T) ? "smaller" : "equal";
}

class Exchange : public TrainerCallback, public Stateful {
 public:
  explicit Exchange(const Host& host) : host_(host) {
    std::printf("host %u.%u, plugin %u.%u: table %s\n", host.raw()->abi_major, host.raw()->abi_minor, TRAINER_ABI_MAJOR,
                TRAINER_PLUGIN_MINOR, compared(host.raw()));
    Guarded argument;
    host.raw()->argument(host.raw(), "seed", 4, &argument.value);
    std::printf("seed %lld, %s\n", static_cast<long long>(argument.value.integer),
                argument.spared() ? "spared" : "OVERWRITTEN");
  }
  void on_train_begin(const Arguments&, const State& state, Control& control) override {
    std::printf("state %s, control %s\n", compared(&state), compared(&control));
  }
  void on_log(const Arguments&, const State& state, Control&, Map& logs) override {
    if (state.global_step != 2) return;
    logs.set("exchange", 7);
    Guarded value;
    raw(logs)->get(raw(logs), "exchange", 8, &value.value);
    std::printf("map %s, value %lld, %s\n", compared(raw(logs)), static_cast<long long>(value.value.integer),
                value.spared() ? "spared" : "OVERWRITTEN");
    logs.for_each([&](std::string_view key, const Value& v) {
      if (key == "exchange" || key == "epoch") std::printf("%s %g\n", std::string(key).c_str(), v.number());
    });
    logs.erase("exchange");
  }
  void save_state(Map&, Map&) const override {}
  void load_state(const Map&) override {}

 private:
  static trainer_map* raw(const Map& map) {
    trainer_map* table;
    static_assert(sizeof map == sizeof table, "a Map is a pointer to its table");
    std::memcpy(&table, &map, sizeof table);
    return table;
  }
  Host host_;
};

}  // namespace

TRAINER_PLUGIN(Exchange, {"id" : "exchange", "version" : "1.0.0", "events" : [ "on_train_begin", "on_log" ]})
