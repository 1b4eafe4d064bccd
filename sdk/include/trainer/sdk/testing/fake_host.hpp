// SPDX-License-Identifier: Apache-2.0
//
// fake_host.hpp - a host for a plugin's unit tests: it loads the shared library and plays events
// into it, with no trainer and no LibTorch. Needs POSIX's dlopen.
//
//   FakeHost host;
//   host.arguments["output_dir"] = Cell("out");
//   FakePlugin plugin(host, "build/hello.so");
//   host.state.global_step = 2;
//   Row logs{{"loss", Cell(0.5)}};
//   assert(plugin.fire(TRAINER_ON_LOG, logs) == TRAINER_OK);  // logs has what the plugin changed
#pragma once

#include <trainer/sdk/testing/fake_plugin.hpp>
#include <trainer/sdk/testing/fake_services.hpp>
