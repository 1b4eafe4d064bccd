// SPDX-License-Identifier: Apache-2.0
//
// `.pt2` files that are damaged, are something else, or lie: each is an Error that says what is wrong.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exported/executor.hpp"
#include "exported/graph_reader.hpp"
#include "exported/input_check.hpp"
#include "exported/model_file.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/error.hpp"
#include "trainer/pt2.hpp"

namespace trainer {
namespace {

using test::ModelFile;
using testing::AllOf;
using testing::HasSubstr;

std::string load_error(const std::filesystem::path& path) {
  try {
    load_pt2(path);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage) << e.what();
    EXPECT_STREQ(e.id().text, "model-file.invalid") << e.what();
    EXPECT_THAT(e.sentence(), HasSubstr("model.pt2"));
    return e.sentence();
  }
  return "no error";
}

std::string error_of_bytes(const std::string& bytes) {
  const test::ScratchDirectory scratch;
  test::write(scratch / "model.pt2", bytes);
  return load_error(scratch / "model.pt2");
}

std::string error_of_model(const ModelFile& file) {
  const test::ScratchDirectory scratch;
  file.write(scratch / "model.pt2");
  return load_error(scratch / "model.pt2");
}

template <typename Change>
std::string error_after(Change&& change) {
  ModelFile file;
  change(file);
  return error_of_model(file);
}

std::string bytes_of(const ModelFile& file) {
  const test::ScratchDirectory scratch;
  file.write(scratch / "model.pt2");
  return test::contents(scratch / "model.pt2");
}

TEST(HostileModel, IsSomethingElse) {
  EXPECT_THAT(load_error("/nowhere/model.pt2"), HasSubstr("there is no such model file"));
  EXPECT_THAT(error_of_bytes(""), HasSubstr("it is empty"));
  EXPECT_THAT(error_of_bytes("import torch\n"), HasSubstr("it is text"));
  EXPECT_THAT(error_of_bytes("\x80\x02}q\x01."), HasSubstr("it is a pickle of Python"));
  EXPECT_THAT(error_after([](ModelFile& f) { f.entries.erase("archive_format"); }),
              HasSubstr("is a zip archive, but not an exported model"));
  EXPECT_THAT(error_after([](ModelFile& f) { f.entries = {{"data.pkl", "x"}}; }), HasSubstr("is a file of torch.save"));
  EXPECT_THAT(error_after([](ModelFile& f) { f.entries = {{"data.pkl", "x"}, {"constants.pkl", "x"}}; }),
              AllOf(HasSubstr("is a TorchScript model"), HasSubstr("libtrainer.export()")));
  EXPECT_THAT(error_after([](ModelFile& f) { f.program = {}; }), HasSubstr("AOTInductor"));
  EXPECT_THAT(error_after([](ModelFile& f) { f.entries["archive_version"] = "1"; }), HasSubstr("version \"1\""));
  EXPECT_THAT(error_after([](ModelFile& f) { f.entries["byteorder"] = "big"; }), HasSubstr("byte order \"big\""));
}

TEST(HostileModel, IsCutShort) {
  const std::string whole = bytes_of(ModelFile());
  for (std::size_t size = 128; size < whole.size(); size += 199)
    ASSERT_THAT(error_of_bytes(whole.substr(0, size)), HasSubstr("it is cut short or damaged")) << size;
}

// LibTorch's own reader does not compare checksums.
TEST(HostileModel, HasADamagedByte) {
  const std::string whole = bytes_of(ModelFile());
  const auto weight = ModelFile().tensors.at("data/weights/weight_0");
  const std::string numbers(static_cast<const char*>(weight.const_data_ptr()), weight.nbytes());
  std::string damaged = whole;
  damaged[damaged.find(numbers) + 5] ^= 1;
  EXPECT_THAT(error_of_bytes(damaged),
              AllOf(HasSubstr("'data/weights/weight_0' has another checksum"), HasSubstr("use another copy")));
  for (std::size_t at = 0; at < whole.size(); at += 131) {
    damaged = whole;
    damaged[at] ^= 0x55;
    error_of_bytes(damaged);
  }
}

TEST(HostileModel, WantsWhatThisLibTorchLacks) {
  EXPECT_THAT(error_after([](ModelFile& f) { f.program["schema_version"].at("major") = 9; }),
              HasSubstr("has the export schema 9, expected 8"));
  EXPECT_THAT(error_after([](ModelFile& f) {
                f.node("linear")["target"] = "torch.ops.mine.linear.default";
                f.node("dropout")["target"] = "torch.ops.aten.drop_more.default";
                f.node("rows")["target"] = "_operator.matmul";
                f.node("rows")["inputs"] = json::array{};
              }),
              AllOf(HasSubstr("has no operator _operator.matmul, aten.drop_more.default, mine.linear.default"),
                    HasSubstr("exported by PyTorch 2.13.0")));
  EXPECT_THAT(error_after([](ModelFile& f) {
                f.node("linear").at("inputs").as_array().push_back(
                    json::object{{"name", "scale"}, {"arg", json::object{{"as_int", 2}}}});
              }),
              AllOf(HasSubstr("node linear (aten.linear.default, in body.0)"), HasSubstr("has no argument \"scale\"")));
  EXPECT_THAT(error_after([](ModelFile& f) {
                f.node("linear").at("inputs").as_array().erase(f.node("linear").at("inputs").as_array().begin());
              }),
              HasSubstr("lacks the argument \"input\""));
  EXPECT_THAT(error_after([](ModelFile& f) { f.node("linear")["target"] = "torch.ops.higher_order.cond"; }),
              HasSubstr("the higher-order operator is not supported"));
  EXPECT_THAT(error_after([](ModelFile& f) {
                f.argument("dropout", "p") = json::object{{"as_custom_obj", json::object{{"name", "x"}}}};
              }),
              HasSubstr("of the kind \"as_custom_obj\""));
  EXPECT_THAT(error_after([](ModelFile& f) { f.argument("dropout", "p") = json::object{{"as_string", "half"}}; }),
              HasSubstr("\"p\" is of the kind \"as_string\", but the operator takes float"));
  EXPECT_THAT(error_after([](ModelFile& f) { f.argument("linear", "weight") = ModelFile::tensor("later"); }),
              HasSubstr("reads \"later\", which nothing before it gives"));
}

// A graph may compute; it may not open files.
TEST(HostileModel, OpensAFile) {
  EXPECT_THAT(error_after([](ModelFile& f) {
                f.nodes().push_back(ModelFile::make_node(
                    "file", "torch.ops.aten.from_file.default",
                    {{"filename", json::object{{"as_string", "/tmp/x"}}}, {"shared", json::object{{"as_bool", true}}}},
                    {ModelFile::tensor("file")}));
              }),
              HasSubstr("opens a file of its own"));
  EXPECT_THAT(error_after([](ModelFile& f) {
                f.meta = json::object{{"format", 1}, {"files", json::object{{"../config.json", "{}"}}}};
              }),
              HasSubstr("expected the text of a file such as config.json"));
  EXPECT_THAT(error_after([](ModelFile& f) {
                f.meta = json::object{{"format", 1}, {"files", json::object{{"trainer_state.json", "{}"}}}};
              }),
              HasSubstr("expected the text of a file such as config.json"));
  EXPECT_THAT(error_after([](ModelFile& f) {
                json::object files;
                files[std::string_view("model.safetensors\0config.json", 29)] = "{}";
                f.meta = json::object{{"format", 1}, {"files", std::move(files)}};
              }),
              HasSubstr("expected the text of a file such as config.json"));
}

TEST(HostileModel, LacksAWeight) {
  const auto weight = [](ModelFile& f) -> json::object& { return f.weights_config["body.0.weight"].as_object(); };
  EXPECT_THAT(error_after([&](ModelFile& f) { weight(f)["use_pickle"] = true; }), HasSubstr("is an object of Python"));
  EXPECT_THAT(error_after([](ModelFile& f) { f.tensors.erase("data/weights/weight_0"); }),
              HasSubstr("has no entry \"data/weights/weight_0\""));
  EXPECT_THAT(error_after([](ModelFile& f) { f.tensors["data/weights/weight_0"] = at::zeros({11}); }),
              HasSubstr("has 11 numbers, and the weight needs more"));
  EXPECT_THAT(error_after([](ModelFile& f) { f.weights_config.erase("body.0.weight"); }),
              HasSubstr("the graph reads \"body.0.weight\", which the archive does not have"));
  EXPECT_THAT(error_after([&](ModelFile& f) { f.weights_config["a..b"] = weight(f); }),
              HasSubstr("\"a..b\" is not the name"));
  for (const char* size : {"4611686018427387904", "-1"})
    EXPECT_THAT(
        error_after([&](ModelFile& f) { weight(f)["tensor_meta"].at("sizes").at(0).at("as_int") = std::stoll(size); }),
        testing::AnyOf(HasSubstr("the weight needs more"), HasSubstr("expected numbers from 0")));
  EXPECT_THAT(error_after([&](ModelFile& f) { weight(f)["tensor_meta"].at("strides").at(0).at("as_int") = 1 << 30; }),
              HasSubstr("the weight needs more"));
}

// Its entries' checksums are right: somebody packed it again.
TEST(HostileModel, HasAnotherWeightThanWasExported) {
  const auto with = [](const char* checksum) {
    return error_after([&](ModelFile& f) {
      f.meta = json::object{{"format", 1}, {"checksums", json::object{{"calls", checksum}, {"other", "00000000"}}}};
    });
  };
  EXPECT_EQ(with("6522df69"), "no error") << "CRC-32 of eight zero bytes";
  EXPECT_THAT(with("6522df68"),
              HasSubstr("\"calls\" has the checksum 6522df69, but the one that was exported has 6522df68"));
}

TEST(HostileModel, TakesWhatNoTableHas) {
  EXPECT_THAT(error_after([](ModelFile& f) {
                auto& spec = f.graph_module().at("module_call_graph").at(0).at("signature").at("in_spec").as_string();
                spec.replace(spec.rfind(R"({"type": null)"), 13, R"({"type": "builtins.dict")");
              }),
              HasSubstr("is a container of values, expected one tensor"));
  EXPECT_THAT(error_after([](ModelFile& f) {
                f.graph_module().at("signature").at("input_specs").at(6).at("user_input").at("arg") =
                    ModelFile::sym_int("features");
              }),
              HasSubstr("has a number as an input"));
  EXPECT_THAT(error_after([](ModelFile& f) {
                f.graph_module().at("signature").at("output_specs").at(0) =
                    json::object{{"buffer_mutation", json::object{{"buffer_name", "calls"}}}};
              }),
              HasSubstr("was made functional"));
}

// Each value of the JSON, in turn, is something else: an Error, or a model that works or says why not.
void replace_each(json::value& part, const std::function<void()>& look) {
  static const std::vector<json::value> others{nullptr,
                                               true,
                                               -1,
                                               1e300,
                                               "x",
                                               json::array{},
                                               json::object{},
                                               json::array{1, 2},
                                               json::object{{"as_name", "linear"}}};
  json::value whole = part;
  for (const auto& other : others) {
    part = other;
    look();
  }
  part = std::move(whole);
  if (part.is_array())
    for (auto& item : part.get_array()) replace_each(item, look);
  if (part.is_object())
    for (auto& item : part.get_object()) replace_each(item.value(), look);
}

TEST(HostileModel, HasJsonOfAnyShape) {
  ModelFile file;
  std::map<std::string, at::Tensor> state;
  const char* names[] = {"body.0.weight", "body.0.bias", "norm.weight", "norm.bias", "calls"};
  for (int i = 0; i < 5; ++i) state[names[i]] = file.tensors.at("data/weights/weight_" + std::to_string(i));
  state["shift"] = file.tensors.at("data/constants/tensor_0");
  const std::vector<at::Tensor> batch{at::ones({2, 3}), at::zeros({2}, at::kLong)};
  const at::NoGradGuard no_grad;
  int errors = 0, looks = 0;
  // One that is read is run, if it is one that this batch and these weights belong to.
  const auto look = [&] {
    ++looks;
    const json::value program = file.program;
    const std::string where = "model.pt2";
    try {
      const auto graph = exported::GraphReader(program, "model.pt2", looks % 2 == 0).read();
      exported::check_inputs(graph.inputs, batch, exported::read_ranges({program, where}));
      for (const auto& of : graph.state)
        if (!state.contains(of.name)) return;
      exported::Executor(graph, {1, 1}, {1, 1}, state, at::kCPU).run(batch);
    } catch (const Error&) {
      ++errors;
    }
  };
  const json::array whole = file.nodes();
  for (const std::size_t part : {0, 1, 2, 5, 7}) {
    json::value node = whole[part];
    replace_each(node, [&] {
      file.nodes()[part] = node;
      look();
    });
    file.nodes() = whole;
  }
  for (const char* part : {"signature", "module_call_graph"}) replace_each(file.graph_module().at(part), look);
  for (const char* part : {"schema_version", "range_constraints"}) replace_each(file.program.at(part), look);
  replace_each(file.graph_module().at("graph").at("tensor_values"), look);
  EXPECT_GT(looks, 1000);
  EXPECT_GT(errors, looks / 2);
}

TEST(HostileModel, HasFactsAndWeightsOfAnyShape) {
  ModelFile file;
  file.meta = json::object{{"format", 1},
                           {"parameter_order", json::array{"norm.weight"}},
                           {"checksums", json::object{{"calls", "6522df69"}}},
                           {"files", json::object{}}};
  int errors = 0, looks = 0;
  const test::ScratchDirectory scratch;
  const auto look = [&] {
    ++looks;
    try {
      file.write(scratch / "model.pt2");
      load_pt2(scratch / "model.pt2");
    } catch (const Error&) {
      ++errors;
    }
  };
  replace_each(file.weights_config.at("body.0.bias"), look);
  replace_each(file.meta, look);
  EXPECT_GT(errors, looks / 2);
}

}  // namespace
}  // namespace trainer
