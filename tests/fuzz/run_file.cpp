// SPDX-License-Identifier: Apache-2.0
//
// A run file.
#include "trainer/run_file.hpp"
#include "fuzz.hpp"
#include "trainer/error.hpp"
#include "trainer/training_arguments.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::File file(fuzz::text(data, size));
  try {
    const auto run = trainer::RunFile::load(file.path());
    trainer::TrainingArguments args;
    args.update(run.args, "run.json: args");
    args.finalize("run.json: args");
    args.to_json_string();
  } catch (const trainer::Error&) {
  }
  return 0;
}
