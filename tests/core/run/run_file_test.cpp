// SPDX-License-Identifier: Apache-2.0
#include "trainer/run_file.hpp"
#include "base/process.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/process.hpp"
#include "trainer/error.hpp"

namespace {

using namespace trainer;
using testing::HasSubstr;
namespace fs = std::filesystem;

struct RunFileTest : testing::Test {
  RunFileTest() {
    fs::create_directories(dir);
    file = dir / "run.json";
  }
  ~RunFileTest() override { fs::remove_all(dir); }
  RunFile load(const std::string& text, const std::vector<std::pair<std::string, std::string>>& set = {}) {
    std::ofstream(file) << text;
    return RunFile::load(file, set);
  }
  std::string error_of(const std::string& text) {
    try {
      load(text);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::usage);
      return e.sentence();
    }
    return "";
  }
  fs::path dir = fs::temp_directory_path() / ("run_file_test." + std::to_string(process_id()));
  fs::path file;
};

const std::string good = R"({"model": {"layers": [4, 8, 3]}, "loss": "cross_entropy",
  "data": {"train": "a.csv", "eval": {"x": "b.csv", "y": "/c.csv"}, "target": "label"},
  "callbacks": [{"plugin": "early_stopping", "config": {"early_stopping_patience": 2}, "on_error": "warn",
    "ranks": "local_zero"}],
  "actions": [{"do": "train", "resume_from_checkpoint": true, "args": {"seed": 1}}, {"do": "evaluate"}]})";

std::string with(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST_F(RunFileTest, IsReadWhole) {
  const RunFile run = load(good);
  EXPECT_EQ(run.model.layers, (std::vector<std::int64_t>{4, 8, 3}));
  EXPECT_EQ(run.model.activation, "relu");
  EXPECT_EQ(run.data.train, dir / "a.csv") << "paths are relative to the file";
  EXPECT_EQ(run.data.eval[1].second, dir.root_path() / "c.csv");
  EXPECT_EQ(run.callbacks[0].on_error, OnError::warn);
  EXPECT_EQ(run.callbacks[0].ranks, RunsOn::local_zero);
  EXPECT_EQ(run.actions[0].resume_from_checkpoint, "");
  EXPECT_FALSE(run.actions[1].resume_from_checkpoint);
  EXPECT_EQ(load(R"({"model": {"layers": [1, 1]}, "loss": "mse", "data": {"target": "y"}})").actions[0].what, "train");
}

TEST_F(RunFileTest, MayHaveComments) {
  EXPECT_EQ(load(with(good, "[4, 8, 3]", "[4, 8, /* classes */ 3,] // widths\n")).model.layers.size(), 3u);
  EXPECT_THAT(error_of("{\n  // model\n  \"model\": 1 2}"), HasSubstr("line 3, column 14")) << "of the file as it is";
}

TEST_F(RunFileTest, ArgumentsAloneAreNoRunFile) {
  EXPECT_THAT(error_of(R"({"output_dir": "out", "learning_rate": 1e-3})"),
              AllOf(HasSubstr("holds TrainingArguments"), HasSubstr("trainer init --from")));
  EXPECT_THAT(error_of(R"({"modle": {}})"), HasSubstr("did you mean \"model\"?"));
}

TEST_F(RunFileTest, ModelsOfPytorch) {
  const std::string text = R"({"model": {"type": "pt2", "file": "m.pt2", "inputs": {"input_ids": "tokens"},
    "outputs": ["loss", "logits"]}, "data": {"train": "a.safetensors", "eval": {"x": "b.safetensors"}}})";
  const RunFile run = load(text);
  EXPECT_EQ(run.model.type, "pt2");
  EXPECT_EQ(run.model.file, dir / "m.pt2");
  EXPECT_EQ(run.model.inputs.at("input_ids"), "tokens");
  EXPECT_EQ(run.model.outputs, (std::vector<std::string>{"loss", "logits"}));
  EXPECT_EQ(run.loss.name, "");
  EXPECT_FALSE(run.data.has_csv());
  EXPECT_EQ(load(text, {{"loss", "mse"}}).loss.name, "mse");
  EXPECT_EQ(load(text, {{"model.file", "/other.pt2"}}).model.file, fs::current_path().root_path() / "other.pt2");
  EXPECT_EQ(run.compiled, "");
  EXPECT_EQ(load(text, {{"compiled", "true"}}).compiled, "update");
  EXPECT_EQ(load(text, {{"compiled", "gradients"}}).compiled, "gradients");
  EXPECT_EQ(load(text, {{"compiled", "false"}}).compiled, "");
  EXPECT_THAT(error_of(with(text, "{\"model\"", "{\"compiled\": \"step\", \"model\"")),
              HasSubstr("expected true, false or \"gradients\""));
  EXPECT_THAT(error_of(with(good, "{", "{\"compiled\": true, ")), HasSubstr("is for a model of the type \"pt2\""));
  EXPECT_THAT(error_of(with(text, "b.safetensors", "b.csv")), HasSubstr("data has no \"target\""));
  EXPECT_THAT(error_of(with(text, "\"file\": \"m.pt2\",", "")), HasSubstr("model has no \"file\""));
  EXPECT_THAT(error_of(with(text, "[\"loss\", \"logits\"]", "\"loss\"")), HasSubstr("expected a list of names"));
  EXPECT_THAT(error_of(with(text, "\"outputs\"", "\"layers\"")), HasSubstr("\"layers\" is not a key here"));
}

TEST_F(RunFileTest, KeysOfTheHost) {
  EXPECT_FALSE(load(good).async_save);
  EXPECT_FALSE(load(good).terminate_on_nan);
  EXPECT_FALSE(load(good).log_history_limit);
  const RunFile run = load(good, {{"async_save", "true"}, {"log_history_limit", "100"}, {"terminate_on_nan", "true"}});
  EXPECT_TRUE(run.async_save);
  EXPECT_TRUE(run.terminate_on_nan);
  EXPECT_EQ(run.log_history_limit, 100);
  EXPECT_THAT(error_of(with(good, "{", R"({"async_save": 1, )")),
              HasSubstr("async_save is an integer (1), expected true or false"));
  EXPECT_THAT(error_of(with(good, "{", R"({"log_history_limit": 0, )")),
              HasSubstr("log_history_limit is an integer (0), expected a whole number from 1"));
}

TEST_F(RunFileTest, HowDataIsRead) {
  const auto data = [&](const std::string& keys) { return with(good, "\"target\"", keys + ", \"target\""); };
  const RunFile::Data plain = load(good).data;
  EXPECT_FALSE(plain.missing_number || plain.missing_mean || plain.separator);
  EXPECT_EQ(plain.decimal, '.');
  const RunFile::Data given =
      load(data(R"("drop": ["id", ""], "missing": 0, "separator": "tab", "decimal": ",")")).data;
  EXPECT_EQ(given.drop, (std::vector<std::string>{"id", ""}));
  EXPECT_EQ(given.missing_number, 0.0);
  EXPECT_EQ(given.separator, '\t');
  EXPECT_EQ(given.decimal, ',');
  EXPECT_TRUE(load(data(R"("missing": "mean")")).data.missing_mean);
  EXPECT_FALSE(load(data(R"("missing": "error")")).data.missing_mean);
  EXPECT_EQ(load(good, {{"data.separator", ";"}, {"data.missing", "mean"}}).data.separator, ';');
  EXPECT_THAT(error_of(data(R"("missing": "median")")),
              HasSubstr("expected \"error\", \"mean\" or a number that fits into 32 bits"));
  EXPECT_THAT(error_of(data(R"("missing": NaN)")), HasSubstr("a number that fits"));
  EXPECT_THAT(error_of(data(R"("separator": "a")")), HasSubstr("expected one character"));
  EXPECT_THAT(error_of(data(R"("decimal": ";")")), HasSubstr("data.decimal is \";\""));
  EXPECT_THAT(error_of(data(R"("decimal": ",", "separator": ",")")), HasSubstr("and so is the separator"));
}

TEST_F(RunFileTest, HowRowsArePadded) {
  const auto padded = [](const std::string& collate) {
    return R"({"model": {"type": "pt2", "file": "m.pt2"}, "data": {"train": "t.safetensors", "collate": )" + collate +
           "}}";
  };
  EXPECT_FALSE(load(R"({"model": {"type": "pt2", "file": "m.pt2"}, "data": {"train": "t.safetensors"}})").data.collate);
  const auto plain =
      *load(padded(R"({"pad": {"input_ids": 0, "labels": -100, "x": 0.5}, "to": "longest"})")).data.collate;
  EXPECT_EQ(plain.pad, (decltype(plain.pad){{"input_ids", 0}, {"labels", -100}, {"x", 0.5}}));
  EXPECT_FALSE(plain.to || plain.left);
  EXPECT_EQ(plain.pad_to_multiple_of, 1);
  const auto more =
      *load(padded(R"({"pad": {"x": 1}, "to": 12, "pad_to_multiple_of": 8, "side": "left"})")).data.collate;
  EXPECT_EQ(more.to, 12);
  EXPECT_EQ(more.pad_to_multiple_of, 8);
  EXPECT_TRUE(more.left);
  for (const auto& [collate, error] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"({"to": 4})", "data.collate has no \"pad\"; add the columns and what fills them"},
           {R"({"pad": ["x"]})", "data.collate.pad is a list"},
           {R"({"pad": {"x": "0"}})", "data.collate.pad.x is a string"},
           {R"({"pad": {"x": 0}, "to": "max_length"})", "expected \"longest\" or a length"},
           {R"({"pad": {"x": 0}, "to": 0})", "expected \"longest\" or a length"},
           {R"({"pad": {"x": 0}, "pad_to_multiple_of": 1.5})", "expected a whole number from 1"},
           {R"({"pad": {"x": 0}, "side": "both"})", "expected one of right, left"},
           {R"({"pads": {"x": 0}})", "did you mean \"pad\"?"}})
    EXPECT_THAT(error_of(padded(collate)), HasSubstr(error)) << collate;
  EXPECT_THAT(error_of(with(good, "\"target\"", R"("collate": {"pad": {"x": 0}}, "target")")),
              HasSubstr("a CSV file has rows of one length"));
}

TEST_F(RunFileTest, LossesHaveOptions) {
  const auto loss = [&](const std::string& text) { return with(good, "\"cross_entropy\"", text); };
  EXPECT_EQ(load(good).loss.ignore_index, -100);
  const auto weighted = load(loss(R"({"name": "cross_entropy", "weight": [1, 2.5, 0], "ignore_index": 2})")).loss;
  EXPECT_EQ(weighted.weight, (std::vector<double>{1, 2.5, 0}));
  EXPECT_EQ(weighted.ignore_index, 2);
  const auto one = [&](const std::string& text) { return load(with(loss(text), "[4, 8, 3]", "[4, 1]")).loss; };
  EXPECT_EQ(one(R"({"name": "huber", "delta": 2})").delta, 2);
  EXPECT_EQ(one(R"({"name": "smooth_l1", "beta": 0})").beta, 0);
  EXPECT_TRUE(one(R"("l1")").of_numbers());
  EXPECT_EQ(one(R"({"name": "binary_cross_entropy_with_logits", "pos_weight": 3})").pos_weight, std::vector<double>{3});
  EXPECT_THAT(error_of(loss("3")), HasSubstr("run.json.loss is an integer (3), expected a name, or an object"));
  EXPECT_THAT(error_of(loss(R"({"weight": [1]})")), HasSubstr("loss has no \"name\""));
  EXPECT_THAT(error_of(loss(R"({"name": "huber", "weight": [1]})")), HasSubstr("\"weight\" is not a key here"));
  EXPECT_THAT(error_of(loss(R"({"name": "cross_entropy", "weight": [1, -1, 1]})")),
              HasSubstr("loss.weight is an integer (-1), expected a list of finite numbers from 0"));
  EXPECT_THAT(error_of(loss(R"({"name": "cross_entropy", "weight": [1, 2]})")),
              HasSubstr("loss.weight has 2 numbers, but"));
  EXPECT_THAT(error_of(loss(R"({"name": "huber", "delta": 0})")), HasSubstr("expected a finite number above 0"));
  EXPECT_THAT(error_of(loss(R"({"name": "cross_entropy", "ignore_index": 0.5})")), HasSubstr("a whole number"));
}

TEST_F(RunFileTest, KindsOfDataByTheirNames) {
  using Format = RunFile::Data::Format;
  fs::create_directory(dir / "arrays");
  const RunFile run = load(R"({"model": {"layers": [4, 1]}, "loss": "mse", "data": {"train": "none/", "test": "-",
    "eval": {"a": "arrays", "b": "b.jsonl", "c": "c.safetensors"}}})");
  EXPECT_EQ(RunFile::Data::format(run.data.train), Format::npy);
  EXPECT_EQ(run.data.test, "-") << "stdin";
  EXPECT_EQ(RunFile::Data::format(run.data.test), Format::json_lines);
  EXPECT_EQ(RunFile::Data::format(run.data.eval[0].second), Format::npy);
  EXPECT_EQ(RunFile::Data::format(run.data.eval[1].second), Format::json_lines);
  EXPECT_EQ(RunFile::Data::format(run.data.eval[2].second), Format::safetensors);
  EXPECT_EQ(RunFile::Data::format(dir / "a.csv"), Format::csv);
  EXPECT_EQ(load(good, {{"data.train", "-"}}).data.train, "-");
}

TEST_F(RunFileTest, Split) {
  const auto split = [&](const std::string& value) {
    return with(good, "\"eval\": {\"x\": \"b.csv\", \"y\": \"/c.csv\"}", "\"split\": " + value);
  };
  EXPECT_FALSE(load(good).data.split);
  const auto share = load(split(R"({"eval": 0.1})")).data.split;
  EXPECT_EQ(std::get<double>(share->eval), 0.1);
  EXPECT_EQ(share->seed, 42u);
  const auto number = load(split(R"({"eval": 100, "seed": 7})")).data.split;
  EXPECT_EQ(std::get<std::int64_t>(number->eval), 100);
  EXPECT_EQ(number->seed, 7u);
  for (const char* wrong : {"0", "-3", "0.0", "1.0", "\"0.1\""})
    EXPECT_THAT(error_of(split(R"({"eval": )" + std::string(wrong) + "}")), HasSubstr("expected a share of the rows"));
  EXPECT_THAT(error_of(split(R"({"eval": 0.1, "seed": -1})")), HasSubstr("expected a whole number from 0"));
  EXPECT_THAT(error_of(split(R"({"seed": 1})")), HasSubstr("data.split has no \"eval\""));
  EXPECT_THAT(error_of(with(good, "\"target\"", R"("split": {"eval": 0.1}, "target")")),
              HasSubstr("has both \"eval\" and \"split\""));
  EXPECT_THAT(error_of(with(split(R"({"eval": 0.1})"), "\"train\": \"a.csv\", ", "")), HasSubstr("no \"train\""));
}

TEST_F(RunFileTest, OutputsFitTheLoss) {
  EXPECT_THAT(error_of(with(good, "cross_entropy", "mse")),
              HasSubstr("model.layers ends with 3, but with loss \"mse\" there is an output for each target, and "
                        "data.target is one"));
  EXPECT_THAT(error_of(with(good, "[4, 8, 3]", "[4, 1]")), HasSubstr("needs an output for each class"));
  const auto numbers = with(with(good, "cross_entropy", "l1"), "\"label\"", R"(["p", "q", "r"])");
  EXPECT_EQ(load(numbers).data.targets, (std::vector<std::string>{"p", "q", "r"}));
  EXPECT_THAT(error_of(with(numbers, "8, 3", "8, 2")), HasSubstr("data.target has 3; end with 3"));
  EXPECT_THAT(error_of(with(numbers, "\"q\"", "\"p\"")), HasSubstr("expected a list of columns, each once"));
  EXPECT_THAT(error_of(with(numbers, "l1", "cross_entropy")), HasSubstr("has one target"));
}

TEST_F(RunFileTest, MetricsFitTheLoss) {
  const auto metrics = [&](const std::string& file, const std::string& list) {
    return with(file, "{", "{\"metrics\": " + list + ", ");
  };
  const auto found = load(metrics(good, R"(["accuracy", {"name": "f1", "average": "macro", "as": "f1"},
                                        {"name": "top_k_accuracy", "k": 2}, {"name": "perplexity", "shift": true}])"))
                         .metrics;
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0].log_name(), "accuracy");
  EXPECT_EQ(found[1].log_name(), "f1");
  EXPECT_EQ(found[2].log_name(), "top_k_accuracy_2");
  EXPECT_TRUE(found[3].shift);
  EXPECT_THAT(error_of(metrics(good, R"([7])")),
              HasSubstr("metrics[0] is an integer (7), expected a name, or an object"));
  EXPECT_THAT(error_of(metrics(good, R"(["acuracy"])")), HasSubstr("did you mean \"accuracy\"?"));
  EXPECT_THAT(error_of(metrics(good, R"([{"average": "macro"}])")), HasSubstr("has no \"name\""));
  EXPECT_THAT(error_of(metrics(good, R"([{"name": "f1", "averge": "macro"}])")),
              HasSubstr("did you mean \"average\"?"));
  EXPECT_THAT(error_of(metrics(good, R"([{"name": "top_k_accuracy", "k": 0}])")), HasSubstr("a whole number from 1"));
  EXPECT_THAT(
      error_of(metrics(good, R"(["f1"])")),
      HasSubstr("metrics[0]: f1 without another average is that of class 1 of two, but the model has 3 outputs"));
  EXPECT_THAT(error_of(metrics(good, R"(["accuracy", "mse"])")),
              HasSubstr("metrics[1] asks for mse, which needs numbers, but loss is \"cross_entropy\""));
  const auto numbers = with(with(good, "cross_entropy", "l1"), "\"label\"", R"(["p", "q", "r"])");
  EXPECT_THAT(error_of(metrics(numbers, R"(["accuracy"])")), HasSubstr("needs class labels, but loss is \"l1\""));
  const auto labels = with(numbers, "l1", "binary_cross_entropy_with_logits");
  EXPECT_THAT(error_of(metrics(labels, R"(["matthews"])")), HasSubstr("needs one label a row, but the model has 3"));
  EXPECT_THAT(error_of(metrics(labels, R"(["accuracy", "roc_auc"])")), testing::IsEmpty());
}

TEST_F(RunFileTest, LinearModels) {
  const auto linear = [&](const std::string& keys) {
    return with(with(good, R"({"layers": [4, 8, 3]})", R"({"type": "linear", )" + keys + "}"), "cross_entropy", "mse");
  };
  EXPECT_EQ(load(linear(R"("in_features": 10, "out_features": 1)")).model.layers, (std::vector<std::int64_t>{10, 1}));
  const auto two = with(linear(R"("in_features": 10)"), "\"label\"", R"(["a", "b"])");
  EXPECT_EQ(load(two).model.layers, (std::vector<std::int64_t>{10, 2})) << "an output for each target";
  EXPECT_THAT(error_of(with(linear(R"("in_features": 10)"), "mse", "cross_entropy")),
              HasSubstr("model has no \"out_features\"; add the number of classes"));
  EXPECT_THAT(error_of(linear(R"("in_features": 10, "out_features": 2)")), HasSubstr("model.out_features is 2, but"));
  EXPECT_THAT(error_of(linear(R"("out_features": 2)")), HasSubstr("model has no \"in_features\""));
  EXPECT_THAT(error_of(linear(R"("in_features": 0)")), HasSubstr("model.in_features is an integer (0)"));
}

TEST_F(RunFileTest, RowsHaveNames) {
  const auto id = [&](const std::string& name) { return with(good, "\"target\"", "\"id\": " + name + ", \"target\""); };
  EXPECT_EQ(load(good).data.id, "");
  EXPECT_EQ(load(id("\"name\"")).data.id, "name");
  EXPECT_THAT(error_of(id("\"label\"")), HasSubstr("data.id is \"label\", and so is the target"));
  EXPECT_THAT(error_of(id("7")), HasSubstr("data.id is an integer (7), expected a string"));
}

TEST_F(RunFileTest, SetReplacesKeys) {
  const RunFile run = load(good, {{"model.layers", "[4, 3]"}, {"data.train", "other.csv"}, {"args.seed", "7"}});
  EXPECT_EQ(run.model.layers.size(), 2u);
  EXPECT_EQ(run.data.train, fs::current_path() / "other.csv");
  EXPECT_EQ(run.args.at("seed").as_int64(), 7);
}

TEST_F(RunFileTest, MistakesAreNamed) {
  EXPECT_THAT(error_of(with(good, "\"loss\"", "\"losss\"")), HasSubstr("did you mean \"loss\"?"));
  EXPECT_THAT(error_of(with(good, "cross_entropy", "cross_entropi")), HasSubstr("did you mean \"cross_entropy\"?"));
  EXPECT_THAT(error_of(with(good, "[4, 8, 3]", "[4]")), HasSubstr("run.json.model.layers"));
  EXPECT_THAT(error_of(with(good, "[4, 8, 3]", "[4, 0]")), HasSubstr("expected widths"));
  EXPECT_THAT(error_of(with(good, "\"warn\"", "\"warm\"")), HasSubstr("did you mean \"warn\"?"));
  EXPECT_THAT(error_of(with(good, "\"do\": \"evaluate\"", "\"do\": \"test\"")), HasSubstr("actions[1].do is \"test\""));
  EXPECT_THAT(error_of(with(good, "\"target\": \"label\"", "\"test\": \"t.csv\"")), HasSubstr("has no \"target\""));
  EXPECT_THAT(error_of(with(good, "\"a.csv\"", "3")), HasSubstr("data.train is an integer (3), expected a string"));
  EXPECT_THAT(error_of(with(good, "\"x\": \"b.csv\"", "\"\": \"b.csv\"")),
              HasSubstr("data.eval has a set without a name"));
  EXPECT_THAT(error_of(with(good, "\"seed\": 1", "\"report_to\": [5, \"html\"]")),
              HasSubstr("args.report_to[0] is an integer (5), expected a tracker's name, or an object such as"));
  EXPECT_THAT(error_of("{"), HasSubstr("not valid JSON"));
}

TEST_F(RunFileTest, ZeroBytesAreRefused) {
  EXPECT_THAT(error_of(with(good, "a.csv", "a\\u0000.csv")), HasSubstr("data.train has a zero byte"));
  EXPECT_THAT(error_of(with(good, "\"seed\"", "\"seed\\u0000\"")), HasSubstr("a key has a zero byte"));
  EXPECT_THAT(error_of(with(good, "true", "\"x\\u0000\"")), HasSubstr("resume_from_checkpoint has a zero byte"));
}

}  // namespace
