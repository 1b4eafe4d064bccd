// SPDX-License-Identifier: Apache-2.0
//
// The JSON of an exported program as far as it is read without LibTorch: any shape of it is an Error or is read.
#include "exported/program_json.hpp"
#include "exported/signature.hpp"
#include "fuzz.hpp"
#include "trainer/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trainer;
  try {
    const auto value = json::parse(fuzz::text(data, size), "program");
    const std::string where = "program";
    const exported::ProgramJson root(value, where);
    const auto signature = exported::read_signature(root.at("graph_module"));
    fuzz::require(signature.inputs.size() <= size && signature.outputs.size() <= size, "no more names than bytes");
  } catch (const Error&) {
  }
  return 0;
}
