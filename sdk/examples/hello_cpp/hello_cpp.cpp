// SPDX-License-Identifier: Apache-2.0
//
// A whole plugin in C++: prints a line when training starts.
#include <cstdio>
#include <trainer/sdk.hpp>

class Hello : public trainer::sdk::TrainerCallback {
 public:
  void on_train_begin(const Arguments&, const State&, Control&) override {
    std::puts("Starting training");
    std::fflush(stdout);
  }
};

// clang-format off
TRAINER_PLUGIN(Hello, {
  "id": "hello_cpp",
  "version": "1.0.0",
  "description": "Prints a line when training starts, from C++."
})
// clang-format on
