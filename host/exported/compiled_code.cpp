// SPDX-License-Identifier: Apache-2.0
#include "exported/compiled_code.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/version.h>

#include "loading/private_copy.hpp"
#include "trainer/error.hpp"

// Older ones have another class.
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 9
#include <ATen/DynamicLibrary.h>
#include <torch/csrc/inductor/aoti_runner/model_container_runner_cpu.h>
#endif

namespace trainer::exported {

#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 9

struct CompiledCode::Parts {
  class Runner final : public torch::inductor::AOTIModelContainerRunnerCpu {
   public:
    // One model, which one thread runs.
    explicit Runner(const std::string& path) : AOTIModelContainerRunnerCpu(path, 1, true) {}
    std::size_t inputs() const {
      const auto count = reinterpret_cast<decltype(&AOTInductorModelContainerGetNumInputs)>(
          model_so_->sym("AOTInductorModelContainerGetNumInputs"));
      std::size_t found = 0;
      return count(container_handle_, &found) == 0 ? found : 0;
    }
    std::size_t outputs() const {
      std::size_t found = 0;
      return get_num_outputs_func_(container_handle_, &found) == 0 ? found : 0;
    }
  };

  Parts(const std::string& bytes, const std::string& file) : copy(bytes, file), runner(copy.path().string()) {}
  PrivateCopy copy;  // as long as the loader knows its name
  Runner runner;
};

CompiledCode::CompiledCode(const std::string& bytes, std::size_t inputs, std::size_t outputs, const std::string& file) {
  const std::string remedy = "; export the model again, with its compiled_step";
  try {
    parts_ = std::make_unique<Parts>(bytes, file);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    const std::string said = e.what();
    throw_usage(error_id::compiled_step_invalid,
                file + ": the compiled step cannot be loaded: " + said.substr(0, said.find('\n')) + remedy);
  }
  const auto& runner = parts_->runner;
  if (runner.inputs() != inputs || runner.outputs() != outputs)
    throw_usage(error_id::compiled_step_invalid, file + ": the compiled step takes " + std::to_string(runner.inputs()) +
                                                     " tensors and gives " + std::to_string(runner.outputs()) +
                                                     ", expected " + std::to_string(inputs) + " and " +
                                                     std::to_string(outputs) + remedy);
}

std::vector<at::Tensor> CompiledCode::run(const std::vector<at::Tensor>& inputs) {
  const at::NoGradGuard no_grad;
  try {
    return parts_->runner.run(inputs);
  } catch (const std::exception& e) {  // below the first line are frames of the code, and files of the export
    const std::string said = e.what();
    throw_run(error_id::model_failed, "the compiled step failed: " + said.substr(0, said.find('\n')));
  }
}

#else

struct CompiledCode::Parts {};

CompiledCode::CompiledCode(const std::string&, std::size_t, std::size_t, const std::string& file) {
  throw_usage(
      error_id::compiled_step_unsupported,
      file + ": a compiled step needs LibTorch 2.9 or later, and this is " TORCH_VERSION "; leave out \"compiled\"");
}

std::vector<at::Tensor> CompiledCode::run(const std::vector<at::Tensor>&) { return {}; }

#endif

CompiledCode::~CompiledCode() = default;

}  // namespace trainer::exported
