// SPDX-License-Identifier: Apache-2.0
//
// Compiled steps that a process must not run, or cannot: each is an Error that says why, before any of their code runs.
// tests/python/compiled_step_test.py runs real ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/version.h>

#include "core/base/sha256.hpp"
#include "exported/model_file.hpp"
#include "exported/processor.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/dataset.hpp"
#include "trainer/error.hpp"
#include "trainer/pt2.hpp"
#include "trainer/trainer.hpp"

namespace trainer {
namespace {

using test::ModelFile;
using testing::AllOf;
using testing::HasSubstr;

#if defined(__x86_64__)
constexpr const char* machine = "x86_64";
#else
constexpr const char* machine = "aarch64";
#endif

std::string sha256(std::string_view bytes) {
  Sha256 digest;
  digest.add(bytes);
  return digest.hex();
}

json::object spec(const std::string& name, const char* type, json::array sizes, json::array strides) {
  return {{"name", name}, {"type", type}, {"sizes", std::move(sizes)}, {"strides", std::move(strides)}};
}

// A file whose compiled step is no code.
struct CompiledFile : ModelFile {
  std::string code = "this is no library";
  json::object compiled{
      {"format", 1},
      {"torch", std::string(TORCH_VERSION).substr(0, std::string(TORCH_VERSION).find('+'))},
      {"machine", machine},
      {"target", "scalar"},
      {"features", json::array{}},
      {"batch_size", 2},
      {"optim", "adamw"},
      {"max_grad_norm", nullptr},
      {"parameters",
       json::array{spec("body.0.weight", "float32", {4, 3}, {3, 1}), spec("body.0.bias", "float32", {4}, {1})}},
      {"state", json::array{spec("norm.weight", "float32", {4}, {1})}},
      {"inputs", json::array{spec("features", "float32", {2, 3}, {3, 1}), spec("labels", "int64", {2}, {1})}},
      {"code", json::object{{"update", sha256(code)}, {"gradients", sha256(code)}}}};

  json::object& parameter(std::size_t i) { return compiled["parameters"].as_array()[i].as_object(); }

  void write(const std::filesystem::path& path) {
    meta = json::object{{"format", 1}, {"compiled", compiled}};
    for (const char* name : {"update", "gradients"})
      entries[std::string("data/libtrainer/compiled_") + name + ".so"] = code;
    ModelFile::write(path);
  }
};

template <typename F>
std::string error_of(const char* id, F&& f) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage) << e.what();
    EXPECT_STREQ(e.id().text, id) << e.what();
    return e.sentence();
  }
  return "no error";
}

std::string load_error(const std::filesystem::path& file, const char* id) {
  return error_of(id, [&] { load_pt2(file, {.compiled = Compiled::update}); });
}

template <typename Change>
std::string error_after(const char* id, Change&& change) {
  const test::ScratchDirectory scratch;
  CompiledFile file;
  change(file);
  file.write(scratch / "model.pt2");
  return load_error(scratch / "model.pt2", id);
}

constexpr const char *missing = "compiled-step.missing", *invalid = "compiled-step.invalid",
                     *processor = "compiled-step.processor", *unsupported = "compiled-step.unsupported";

TEST(CompiledStep, IsNotThere) {
  const test::ScratchDirectory scratch;
  ModelFile().write(scratch / "model.pt2");
  EXPECT_THAT(load_error(scratch / "model.pt2", missing), HasSubstr("has no compiled step; export it with"));
}

TEST(CompiledStep, IsNotLookedAtUnlessItIsAskedFor) {
  const test::ScratchDirectory scratch;
  CompiledFile file;
  file.compiled["machine"] = "vax";
  file.write(scratch / "model.pt2");
  EXPECT_NO_THROW(load_pt2(scratch / "model.pt2"));
}

TEST(CompiledStep, IsForAnotherProcessor) {
  EXPECT_THAT(error_after(processor, [](CompiledFile& f) { f.compiled["machine"] = "riscv64"; }),
              HasSubstr("it is for riscv64, and this machine is " + std::string(machine)));
  EXPECT_THAT(error_after(processor,
                          [](CompiledFile& f) {
                            f.compiled["target"] = "avx512";
                            f.compiled["features"] = json::array{"avx8192"};
                          }),
              AllOf(HasSubstr("the compiled step (avx512) cannot run here"),
                    HasSubstr("it needs a processor with avx8192, which this one lacks")));
  EXPECT_EQ(exported::missing_of_processor(machine, {}), "");
}

TEST(CompiledStep, IsOfAnotherTorchOrFormat) {
  EXPECT_THAT(error_after(invalid, [](CompiledFile& f) { f.compiled["torch"] = "2.5.1"; }),
              HasSubstr("was made with torch 2.5.1, and this is LibTorch 2."));
  EXPECT_THAT(error_after(invalid, [](CompiledFile& f) { f.compiled["format"] = 2; }), HasSubstr("the format 2"));
  EXPECT_THAT(error_after(invalid, [](CompiledFile& f) { f.compiled["optim"] = "lion"; }),
              HasSubstr("has the optimizer \"lion\", expected \"adamw\""));
}

TEST(CompiledStep, IsDamagedOrForeign) {
  EXPECT_THAT(error_after(invalid, [](CompiledFile& f) { f.code += "!"; }),
              HasSubstr("\"data/libtrainer/compiled_gradients.so\" is not the code that was exported"));
  EXPECT_THAT(error_after(invalid, [](CompiledFile& f) { f.parameter(0)["name"] = "body.7.weight"; }),
              HasSubstr("is for \"body.7.weight\" [4, 3] Float, and the model has no such tensor"));
  EXPECT_THAT(error_after(invalid, [](CompiledFile& f) { f.parameter(1)["sizes"] = json::array{5}; }),
              HasSubstr("is for \"body.0.bias\" [5] Float, and the model has [4] Float"));
  EXPECT_THAT(error_after(invalid, [](CompiledFile& f) { f.compiled["parameters"] = json::array{}; }),
              HasSubstr("trains no parameter"));
  EXPECT_THAT(error_after("model-file.invalid", [](CompiledFile& f) { f.parameter(0)["type"] = "float8"; }),
              HasSubstr("a type such as"));
}

TEST(CompiledStep, IsInAFileThatOthersMayWrite) {
  const test::ScratchDirectory scratch;
  CompiledFile file;
  file.write(scratch / "model.pt2");
  std::filesystem::permissions(scratch / "model.pt2", std::filesystem::perms::others_write,
                               std::filesystem::perm_options::add);
  EXPECT_THAT(load_error(scratch / "model.pt2", "compiled-step.untrusted"),
              AllOf(HasSubstr("\"compiled\" runs code from the model's file"), HasSubstr("everybody")));
}

struct Rows : RowDataset {
  std::int64_t size() const override { return 4; }
  Row get_row(std::int64_t) const override {
    return {{"features", at::ones({3})}, {"labels", at::zeros({}, at::kLong)}};
  }
};

// What a training says that cannot have it; `change` is of its options.
template <typename Change>
std::string train_error(const char* id, Change&& change, Compiled compiled = Compiled::update) {
  const test::ScratchDirectory scratch;
  CompiledFile file;
  file.compiled["max_grad_norm"] = 1.0;
  file.write(scratch / "model.pt2");
  TrainerOptions options;
  options.model = load_pt2(scratch / "model.pt2", {.compiled = compiled});
  options.train_dataset = std::make_shared<Rows>();
  options.quiet = true;
  options.args.output_dir = (scratch / "out").string();
  options.args.per_device_train_batch_size = 2;
  options.args.report_to = {"none"};
  options.args.use_cpu = true;
  change(options);
  return error_of(id, [&] { Trainer(std::move(options)).train(); });
}

TEST(CompiledStep, DoesNotGoWithTheRun) {
  const auto error = [](auto change) { return train_error(unsupported, change); };
  EXPECT_THAT(error([](TrainerOptions& o) { o.args.per_device_train_batch_size = 3; }),
              HasSubstr("per_device_train_batch_size is 3, and the compiled step is for batches of 2 rows"));
  EXPECT_THAT(error([](TrainerOptions& o) { o.args.max_grad_norm = 0.5; }),
              HasSubstr("max_grad_norm is 0.5, and the step was compiled for 1.0"));
  EXPECT_THAT(error([](TrainerOptions& o) { o.args.optim = "sgd"; }),
              HasSubstr("args.optim is sgd, and \"compiled\": true has AdamW compiled in"));
  EXPECT_THAT(error([](TrainerOptions& o) { o.args.bf16 = true; }), HasSubstr("args.bf16 is set"));
  EXPECT_THAT(error([](TrainerOptions& o) { o.args.label_smoothing_factor = 0.1; }), HasSubstr("label_smoothing"));
  EXPECT_THAT(error([](TrainerOptions& o) { o.args.auto_find_batch_size = true; }), HasSubstr("auto_find_batch_size"));
  EXPECT_THAT(error([](TrainerOptions& o) { o.terminate_on_nan = true; }),
              AllOf(HasSubstr("terminate_on_nan"), HasSubstr("\"gradients\"")));
  EXPECT_THAT(error([](TrainerOptions& o) {
                o.compute_loss_func = [](const ModelOutput& out, const at::Tensor&, const at::Tensor&) {
                  return out.loss;
                };
              }),
              HasSubstr("compute_loss_func"));
}

TEST(CompiledStep, TrainsWhatTheExportTrained) {
  const auto set = [](const char* name, bool requires_grad) {
    return [=](TrainerOptions& o) { o.model->module().named_parameters()[name].set_requires_grad(requires_grad); };
  };
  EXPECT_THAT(train_error(unsupported, set("body.0.bias", false)),
              HasSubstr("\"body.0.bias\" was trained when the model was exported, and is not now"));
}

TEST(CompiledStep, CannotBeLoaded) {
  const auto nothing = [](TrainerOptions&) {};
  EXPECT_THAT(train_error(invalid, nothing), HasSubstr("the compiled step cannot be loaded"));
  EXPECT_THAT(train_error(invalid, nothing, Compiled::gradients), HasSubstr("the compiled step cannot be loaded"));
}

}  // namespace
}  // namespace trainer
