// SPDX-License-Identifier: Apache-2.0
#include "trainer/training_arguments.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "base/process.hpp"
#include "trainer/error.hpp"

namespace trainer::training_arguments_test {
namespace {

TrainingArguments read(std::string_view text) {
  return TrainingArguments::from_json(json::parse(text, "test").as_object(), "run.json: args");
}

// The sentence of the Error that `f` throws.
template <typename F>
std::string sentence_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage);
    return e.sentence();
  }
  return "no error";
}

std::string refusal(std::string_view text) {
  return sentence_of([&] { read(text); });
}

std::string text_refusal(std::string_view name, std::string_view text) {
  return sentence_of([&] { TrainingArguments().set_from_text(name, text, "--" + std::string(name)); });
}

// One argument from a command line's text, as JSON.
std::string from_text(std::string_view name, std::string_view text) {
  TrainingArguments args;
  args.set_from_text(name, text, "--" + std::string(name));
  return json::dump(args.get(name));
}

std::string get(const TrainingArguments& args, std::string_view name) { return json::dump(args.get(name)); }

// In order: text that must stand in the sentence.
void expect_parts(const std::string& sentence, const std::vector<std::string>& parts) {
  for (const auto& part : parts) EXPECT_NE(sentence.find(part), sentence.npos) << sentence;
}

TEST(TrainingArguments, ReadsBackItsOwnJson) {
  auto args = read(R"({"eval_strategy": "steps", "logging_steps": 1.0, "save_steps": 0.5,
    "report_to": "csv", "lr_scheduler_type": "polynomial", "lr_scheduler_kwargs": {"power": 2.0},
    "trackio_static_space_id": false, "hub_token": "secret", "load_best_model_at_end": false})");
  const auto text = args.to_json_string();
  EXPECT_EQ(read(text).to_json_string(), text);
  expect_parts(text, {"{\n  \"output_dir\": \"trainer_output\",\n", "\"logging_steps\": 1.0,", "\"eval_steps\": 1.0,",
                      "\"save_steps\": 0.5,", "\"power\": 2.0", "\"trackio_static_space_id\": false",
                      "\"hub_token\": \"<HUB_TOKEN>\""});
  EXPECT_EQ(text.find("secret"), text.npos);
}

TEST(TrainingArguments, HidesTokens) {
  TrainingArguments args;
  EXPECT_EQ(get(args, "hub_token"), "null");
  args.set("hub_token", "secret", "args");
  EXPECT_EQ(args.hub_token, "secret");
  EXPECT_EQ(get(args, "hub_token"), R"("<HUB_TOKEN>")");
  const auto sentence = refusal(R"({"hub_token": ["secret"]})");
  expect_parts(sentence, {"run.json: args.hub_token is a hidden value (a list), expected a string"});
}

TEST(TrainingArguments, NamesTheNearestOfAnUnknownName) {
  EXPECT_EQ(refusal(R"({"learning_rat": 0.1})"),
            "run.json: args.learning_rat is not a training argument; did you mean "
            "\"learning_rate\"?");
  EXPECT_EQ(refusal(R"({"zzzzzzzzzzzz": 1})"),
            "run.json: args.zzzzzzzzzzzz is not a training argument; docs/arguments.md lists them");
  EXPECT_FALSE(TrainingArguments::has("learning_rat"));
  EXPECT_NE(sentence_of([] { TrainingArguments().get("learning_rat"); }), "no error");
  expect_parts(text_refusal("learning_rat", "1"), {"--learning_rat is not a training argument"});
}

TEST(TrainingArguments, NamesTheReplacementOfARemovedName) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"warmup_ratio", "warmup_steps"},         {"logging_dir", "TENSORBOARD_LOGGING_DIR"},
      {"save_safetensors", "leave it out"},     {"group_by_length", "train_sampling_strategy"},
      {"evaluation_strategy", "eval_strategy"}, {"no_cuda", "use_cpu"},
      {"overwrite_output_dir", "output_dir"}};
  for (const auto& [name, replacement] : cases)
    expect_parts(refusal("{\"" + name + "\": 1}"),
                 {"run.json: args." + name + " was removed in transformers 5; ", replacement});
}

TEST(TrainingArguments, RefusesAWrongType) {
  EXPECT_EQ(refusal(R"({"max_steps": "ten"})"), "run.json: args.max_steps is \"ten\" (a string), expected an integer");
  EXPECT_EQ(refusal(R"({"max_steps": 2.0})"), "run.json: args.max_steps is 2.0 (a number), expected an integer");
  EXPECT_EQ(refusal(R"({"learning_rate": "5e-5"})"),
            "run.json: args.learning_rate is \"5e-5\" (a string), expected a number");
  EXPECT_EQ(refusal(R"({"bf16": 1})"), "run.json: args.bf16 is 1 (an integer), expected true or false");
  EXPECT_EQ(refusal(R"({"report_to": null})"),
            "run.json: args.report_to is null, expected a string or a list of strings");
  EXPECT_EQ(refusal(R"({"report_to": ["csv", 1]})"),
            "run.json: args.report_to is [\"csv\", 1] (a list), expected a string or a list of "
            "strings");
  EXPECT_EQ(refusal(R"({"run_name": 3})"), "run.json: args.run_name is 3 (an integer), expected a string or null");
  EXPECT_EQ(refusal(R"({"trackio_static_space_id": true})"),
            "run.json: args.trackio_static_space_id is true (a boolean), expected a string, false "
            "or null");
  expect_parts(refusal(R"({"lr_scheduler_kwargs": "kwargs.json"})"),
               {"is \"kwargs.json\" (a string), expected an object, or a string with one"});
  expect_parts(refusal(R"({"lr_scheduler_kwargs": "{broken"})"), {"expected an object"});
  expect_parts(refusal(R"({"eval_strategy": null})"), {"is null, expected a string"});
}

TEST(TrainingArguments, RefusesAValueOutOfRange) {
  EXPECT_EQ(refusal(R"({"per_device_train_batch_size": 0})"),
            "run.json: args.per_device_train_batch_size is 0, expected an integer from 1 to "
            "2147483647");
  EXPECT_EQ(refusal(R"({"learning_rate": -1})"),
            "run.json: args.learning_rate is -1, expected a finite number of at least 0");
  EXPECT_EQ(refusal(R"({"adam_beta1": 1.0})"), "run.json: args.adam_beta1 is 1.0, expected a number from 0 to below 1");
  for (const char* text :
       {R"({"gradient_accumulation_steps": 0})", R"({"per_device_eval_batch_size": -1})", R"({"learning_rate": NaN})",
        R"({"learning_rate": Infinity})", R"({"adam_epsilon": -1e-8})", R"({"adam_beta2": NaN})", R"({"seed": -1})",
        R"({"seed": 4294967296})", R"({"num_train_epochs": Infinity})", R"({"warmup_steps": -0.1})",
        R"({"warmup_steps": NaN})", R"({"logging_steps": Infinity})", R"({"torch_empty_cache_steps": 0})",
        R"({"eval_accumulation_steps": 0})", R"({"dataloader_num_workers": -1})", R"({"seed": 18446744073709551616})",
        R"({"output_dir": ""})", R"({"metric_for_best_model": ""})",
        R"({"dataloader_num_workers": 1, "dataloader_prefetch_factor": 0})"})
    expect_parts(refusal(text), {"run.json: args."});
}

TEST(TrainingArguments, KeepsANumberAsTheIntOrFloatThatItIs) {
  for (const char* name : {"learning_rate", "weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon", "max_grad_norm",
                           "label_smoothing_factor", "num_train_epochs", "warmup_steps", "eval_delay"}) {
    const std::string key = std::string("{\"") + name + "\": ";
    EXPECT_EQ(json::dump(read(key + "0}").to_dict().at(name)), "0") << name;
    EXPECT_EQ(json::dump(read(key + "0.0}").to_dict().at(name)), "0.0") << name;
  }
}

TEST(TrainingArguments, TakesOddValuesThatTransformersTakes) {
  EXPECT_EQ(read(R"({"data_seed": -1})").data_seed, -1);
  EXPECT_EQ(read(R"({"num_train_epochs": -1})").num_train_epochs, -1);
  EXPECT_EQ(read(R"({"weight_decay": -0.1})").weight_decay, -0.1);
  EXPECT_EQ(read(R"({"max_grad_norm": -1})").max_grad_norm, -1);
  EXPECT_EQ(read(R"({"save_total_limit": -1})").save_total_limit, -1);
  EXPECT_EQ(read(R"({"logging_steps": -3})").logging_steps, -3);
  EXPECT_EQ(read(R"({"save_steps": 0})").save_steps, 0);
  EXPECT_EQ(read(R"({"output_dir": null})").output_dir, "trainer_output");
  EXPECT_TRUE(read(R"({"debug": null})").debug.empty());
  EXPECT_EQ(read(R"({"log_level": "detail"})").log_level, "detail");
  EXPECT_FALSE(read(R"({"remove_unused_columns": false})").remove_unused_columns);
}

TEST(TrainingArguments, RefusesAnUnknownChoice) {
  expect_parts(refusal(R"({"optim": "lion_32bit"})"),
               {"args.optim is \"lion_32bit\", expected one of adamw_torch, adamw_torch_fused, sgd, "
                "adagrad, rmsprop, adafactor; the other optimizers"});
  expect_parts(refusal(R"({"lr_scheduler_type": "linaer"})"), {"; did you mean \"linear\"?"});
  expect_parts(refusal(R"({"eval_strategy": "best"})"), {"expected one of no, steps, epoch"});
  expect_parts(refusal(R"({"train_sampling_strategy": "by_length"})"),
               {"expected one of random, sequential, group_by_length, batch_rebalance"});
  EXPECT_EQ(read(R"({"save_strategy": "best", "metric_for_best_model": "f1"})").save_strategy, "best");
}

TEST(TrainingArguments, RefusesWhatIsNotSupported) {
  EXPECT_EQ(refusal(R"({"push_to_hub": true})"),
            "run.json: args.push_to_hub is true, which is not supported here: nothing is uploaded "
            "to the Hub; remove it, and upload output_dir after the run");
  EXPECT_NO_THROW(read(R"({"push_to_hub": false, "fsdp": null, "ddp_timeout": 1800,
    "skip_memory_metrics": true, "debug": "", "local_rank": -1, "include_for_metrics": []})"));
  for (const char* text :
       {R"({"deepspeed": "ds.json"})", R"({"skip_memory_metrics": false})", R"({"fsdp": "full_shard"})",
        R"({"debug": "underflow_overflow"})", R"({"include_for_metrics": ["inputs"]})",
        R"({"eval_do_concat_batches": false})", R"({"dataloader_in_order": false})",
        R"({"accelerator_config": {"split_batches": true}})", R"({"neftune_noise_alpha": 5.0})"})
    expect_parts(refusal(text), {"run.json: args.", ", which is not supported here: "});
  expect_parts(text_refusal("push_to_hub", "True"), {"--push_to_hub is true, which"});
  EXPECT_EQ(from_text("push_to_hub", "False"), "false");
  EXPECT_EQ(from_text("hub_strategy", "every_save"), R"("every_save")");
  EXPECT_EQ(from_text("deepspeed", "none"), "null");
}

TEST(TrainingArguments, TakesThoseOfSeveralProcesses) {
  const auto args = read(R"({"ddp_backend": "gloo", "ddp_timeout": 5, "ddp_bucket_cap_mb": 0, "local_rank": 3,
    "ddp_find_unused_parameters": false, "ddp_broadcast_buffers": true, "ddp_static_graph": false})");
  EXPECT_EQ(args.ddp_backend, "gloo");
  EXPECT_EQ(args.ddp_timeout, 5);
  EXPECT_EQ(args.ddp_bucket_cap_mb, 0);
  EXPECT_EQ(args.ddp_find_unused_parameters, false);
  EXPECT_EQ(args.ddp_broadcast_buffers, true);
  EXPECT_EQ(from_text("ddp_backend", "none"), "null");
  EXPECT_EQ(from_text("ddp_timeout", "1800"), "1800");
  expect_parts(
      refusal(R"({"ddp_backend": "mpi"})"),
      {"args.ddp_backend is \"mpi\", expected one of nccl, gloo; the other backends of transformers are not in"});
  expect_parts(refusal(R"({"ddp_backend": "glo"})"), {"; did you mean \"gloo\"?"});
  expect_parts(refusal(R"({"ddp_timeout": 0})"), {"args.ddp_timeout is 0, expected an integer from 1 to"});
  expect_parts(refusal(R"({"ddp_bucket_cap_mb": -1})"),
               {"args.ddp_bucket_cap_mb is -1, expected an integer from 0 to"});
  expect_parts(refusal(R"({"local_rank": -2})"), {"args.local_rank is -2, expected an integer of at least -1"});
  expect_parts(refusal(R"({"ddp_static_graph": true})"), {"which is not supported here: every step is examined anew"});
  expect_parts(refusal(R"({"eval_use_gather_object": true})"), {"predictions and labels are tensors"});
  expect_parts(refusal(R"({"parallelism_config": {"tp_size": 2}})"), {"part of Python, and LibTorch has no API"});
}

TEST(TrainingArguments, ReadsACommandLinesText) {
  EXPECT_EQ(from_text("learning_rate", "1e-3"), "0.001");
  EXPECT_EQ(from_text("learning_rate", "+1"), "1.0");
  EXPECT_EQ(from_text("max_steps", "-1"), "-1");
  for (const char* yes : {"true", "True", "1", "yes", "y", "T", "on"}) EXPECT_EQ(from_text("bf16", yes), "true");
  for (const char* no : {"false", "FALSE", "0", "no", "off"})
    EXPECT_EQ(from_text("dataloader_pin_memory", no), "false");
  EXPECT_EQ(from_text("tf32", "none"), "null");
  EXPECT_EQ(from_text("run_name", "None"), "null");
  EXPECT_EQ(from_text("run_name", "a b"), R"("a b")");
  EXPECT_EQ(from_text("report_to", "csv, tensorboard"), R"(["csv", "tensorboard"])");
  EXPECT_EQ(from_text("report_to", R"(["csv"])"), R"(["csv"])");
  EXPECT_EQ(from_text("report_to", "csv@>=0.1, <2, tensorboard,mlflow@1,html"),
            R"(["csv@>=0.1, <2", "tensorboard", "mlflow@1", "html"])");
  EXPECT_EQ(from_text("report_to", "none"), R"(["none"])");
  EXPECT_EQ(from_text("debug", ""), "[]");
  EXPECT_EQ(from_text("include_num_input_tokens_seen", "true"), R"("all")");
  EXPECT_EQ(from_text("include_num_input_tokens_seen", "no"), R"("no")");
  EXPECT_EQ(from_text("trackio_static_space_id", "False"), "false");
  EXPECT_EQ(from_text("eval_steps", "null"), "null");
  // transformers' parser makes floats of step counts.
  EXPECT_EQ(from_text("logging_steps", "1"), "1.0");
  EXPECT_EQ(text_refusal("max_steps", "1e3"), "--max_steps is \"1e3\" (a string), expected an integer");
  EXPECT_EQ(text_refusal("bf16", "maybe"), "--bf16 is \"maybe\" (a string), expected true or false");
  expect_parts(text_refusal("learning_rate", "fast"), {"expected a number"});
  expect_parts(text_refusal("learning_rate", ""), {"expected a number"});
  expect_parts(text_refusal("report_to", "[1"), {"expected a string or a list"});
}

TEST(TrainingArguments, ReadsADictFromText) {
  // What TrainingArguments(lr_scheduler_kwargs=...) makes of the same text.
  const char* const text = R"({"a":"1","b":"0.5","c":"True","d":{"e":"7"},"f":"x","g":"1e-3","h":["1"],)"
                           R"("i":".5","j":"2."})";
  EXPECT_EQ(from_text("lr_scheduler_kwargs", text),
            R"({"a": 1, "b": 0.5, "c": true, "d": {"e": 7}, "f": "x", "g": "1e-3", "h": ["1"], )"
            R"("i": 0.5, "j": 2.0})");
  TrainingArguments args;
  args.set("lr_scheduler_kwargs", json::object{{"a", "1"}}, "args");
  EXPECT_EQ(get(args, "lr_scheduler_kwargs"), R"({"a": "1"})");
  EXPECT_EQ(from_text("lr_scheduler_kwargs", "none"), "null");
}

TEST(TrainingArguments, MakesStepsAboveOneWhole) {
  EXPECT_EQ(get(read(R"({"logging_steps": 2.0})"), "logging_steps"), "2");
  EXPECT_EQ(get(read(R"({"logging_steps": 1.0})"), "logging_steps"), "1.0");
  EXPECT_EQ(get(read(R"({"logging_steps": 0.5})"), "logging_steps"), "0.5");
  // Only under the strategy that reads them.
  EXPECT_EQ(get(read(R"({"save_steps": 2.5, "save_strategy": "no"})"), "save_steps"), "2.5");
  EXPECT_EQ(get(read(R"({"eval_steps": 2.0})"), "eval_steps"), "2.0");
  expect_parts(refusal(R"({"logging_steps": 2.5})"), {"args.logging_steps is 2.5, expected a whole number of steps"});
  expect_parts(refusal(R"({"save_steps": 1.5})"), {"args.save_steps is 1.5"});
  expect_parts(refusal(R"({"eval_strategy": "steps", "eval_steps": 7.5})"), {"args.eval_steps"});
  expect_parts(refusal(R"({"logging_steps": 0})"), {"args.logging_steps is 0, ", "set logging_strategy to \"no\""});
  EXPECT_NO_THROW(read(R"({"logging_steps": 0, "logging_strategy": "epoch"})"));
}

TEST(TrainingArguments, TakesEvalStepsFromLoggingSteps) {
  EXPECT_EQ(get(read(R"({"eval_strategy": "steps"})"), "eval_steps"), "500");
  EXPECT_EQ(get(read(R"({"eval_strategy": "steps", "eval_steps": 0.0})"), "eval_steps"), "500");
  EXPECT_EQ(get(read(R"({"eval_strategy": "epoch"})"), "eval_steps"), "null");
  EXPECT_EQ(get(read(R"({"eval_strategy": "steps", "logging_strategy": "no",
                         "logging_steps": 7.0})"),
                "eval_steps"),
            "7");
  expect_parts(refusal(R"({"eval_strategy": "steps", "eval_steps": 0, "logging_strategy": "no",
                           "logging_steps": -1})"),
               {"args.eval_strategy is \"steps\", but neither eval_steps nor logging_steps"});
}

TEST(TrainingArguments, DerivesWhatFollows) {
  EXPECT_TRUE(read(R"({"eval_strategy": "epoch"})").do_eval);
  EXPECT_FALSE(read("{}").do_eval);
  EXPECT_FALSE(read(R"({"use_cpu": true})").dataloader_pin_memory);
  EXPECT_EQ(read(R"({"report_to": "none"})").report_to, std::vector<std::string>{});
  EXPECT_EQ(read(R"({"report_to": ["none"]})").report_to, std::vector<std::string>{});
  EXPECT_EQ(read(R"({"report_to": "csv"})").report_to, std::vector<std::string>{"csv"});
  EXPECT_EQ(read(R"({"report_to": []})").report_to, std::vector<std::string>{});
  EXPECT_EQ(read(R"({"include_num_input_tokens_seen": true})").include_num_input_tokens_seen, "all");
  EXPECT_EQ(read(R"({"include_num_input_tokens_seen": false})").include_num_input_tokens_seen, "no");
  expect_parts(refusal(R"({"report_to": ["all", "csv"]})"), {"has \"all\" beside other names"});
  expect_parts(refusal(R"({"report_to": ""})"), {"has an empty name"});

  const auto plateau = read(R"({"lr_scheduler_type": "greedy", "eval_strategy": "epoch"})");
  EXPECT_EQ(plateau.metric_for_best_model, "loss");
  EXPECT_EQ(plateau.greater_is_better, false);
  const auto accuracy = read(R"({"metric_for_best_model": "accuracy"})");
  EXPECT_EQ(accuracy.greater_is_better, true);
  EXPECT_EQ(read("{}").metric_for_best_model, std::nullopt);
  EXPECT_EQ(read("{}").greater_is_better, std::nullopt);

  const std::string home = home_directory();
  ASSERT_NE(home, "");
  EXPECT_EQ(read(R"({"output_dir": "~/runs"})").output_dir, home + "/runs");
  EXPECT_EQ(read(R"({"output_dir": "~"})").output_dir, home);
  EXPECT_EQ(read(R"({"output_dir": "a~/b"})").output_dir, "a~/b");
}

TEST(TrainingArguments, ChecksTheStepsOfTheBestModel) {
  const auto steps = [](const std::string& eval, const std::string& save) {
    return R"({"load_best_model_at_end": true, "eval_strategy": "steps", "eval_steps": )" + eval +
           R"(, "save_steps": )" + save + "}";
  };
  // The same pairs pass in transformers.
  for (const auto& [eval, save] : std::vector<std::pair<std::string, std::string>>{{"4", "8"},
                                                                                   {"4", "0"},
                                                                                   {"0.1", "0.3"},
                                                                                   {"0.3", "0.9"},
                                                                                   {"0.07", "0.14"},
                                                                                   {"0.05", "0.15"},
                                                                                   {"0.5", "1"},
                                                                                   {"0.5", "1.0"}})
    EXPECT_EQ(refusal(steps(eval, save)), "no error") << eval << " " << save;
  for (const auto& [eval, save] : std::vector<std::pair<std::string, std::string>>{{"4", "10"}, {"0.1", "0.25"}})
    expect_parts(refusal(steps(eval, save)), {"needs save_steps to be a multiple", save, eval});
  expect_parts(refusal(steps("0.3", "10")), {"is a share of all steps and the other is not"});
  expect_parts(refusal(steps("-2", "3")), {"is a share of all steps and the other is not"});

  expect_parts(refusal(R"({"load_best_model_at_end": true})"),
               {"args.load_best_model_at_end needs a checkpoint for each evaluation",
                "save_strategy is \"steps\" and eval_strategy is \"no\""});
  EXPECT_NO_THROW(read(R"({"load_best_model_at_end": true, "save_strategy": "best"})"));
  EXPECT_EQ(read(R"({"load_best_model_at_end": true, "save_strategy": "no"})").metric_for_best_model, "loss");
}

TEST(TrainingArguments, ChecksCombinations) {
  expect_parts(refusal(R"({"fp16": true, "bf16": true})"), {"args.fp16 and bf16 are both true"});
  expect_parts(refusal(R"({"fp16_full_eval": true, "bf16_full_eval": true})"),
               {"args.fp16_full_eval and bf16_full_eval"});
  for (const char* name : {"greedy", "reduce_lr_on_plateau"})
    expect_parts(refusal("{\"lr_scheduler_type\": \"" + std::string(name) + "\"}"),
                 {"args.lr_scheduler_type is \"" + std::string(name), "eval_strategy is \"no\""});
  expect_parts(refusal(R"({"save_strategy": "best"})"), {"metric_for_best_model is not set"});
  expect_parts(refusal(R"({"dataloader_prefetch_factor": 2})"), {"dataloader_num_workers is 0"});
  expect_parts(refusal(R"({"dataloader_persistent_workers": true})"), {"dataloader_num_workers is 0"});
  EXPECT_NO_THROW(read(R"({"dataloader_num_workers": 2, "dataloader_prefetch_factor": 2,
                           "dataloader_persistent_workers": true})"));
}

TEST(TrainingArguments, FinalizesAgainAfterAChange) {
  auto args = read(R"({"eval_strategy": "steps", "logging_steps": 10.0, "use_cpu": true,
                       "load_best_model_at_end": true, "save_steps": 20})");
  const auto once = args.to_json_string();
  args.finalize();
  EXPECT_EQ(args.to_json_string(), once);

  // What was derived follows; what was given stays, even where it is equal.
  args.set_from_text("logging_steps", "5", "--logging_steps");
  args.set("metric_for_best_model", "accuracy", "args");
  args.set("use_cpu", false, "args");
  args.finalize();
  EXPECT_EQ(get(args, "eval_steps"), "5");
  EXPECT_EQ(args.greater_is_better, true);
  EXPECT_TRUE(args.dataloader_pin_memory);
  args.set("eval_steps", 5, "args");
  args.set("greater_is_better", true, "args");
  args.set("logging_steps", 1, "args");
  args.set("metric_for_best_model", "loss", "args");
  args.finalize();
  EXPECT_EQ(get(args, "eval_steps"), "5");
  EXPECT_EQ(args.greater_is_better, true);
}

TEST(TrainingArguments, JoinsSeveralSources) {
  // Neither half is complete.
  TrainingArguments args;
  args.update(json::parse(R"({"load_best_model_at_end": true})", "test").as_object(), "run.json");
  args.set_from_text("eval_strategy", "epoch", "--eval_strategy");
  args.set_from_text("save_strategy", "epoch", "--save_strategy");
  EXPECT_NO_THROW(args.finalize());
  EXPECT_TRUE(args.do_eval);
}

TEST(TrainingArguments, RefusesTextsThatNoPathOrJsonTakes) {
  for (const std::string& text : {std::string("a\0b", 3), std::string("\xff"), std::string("runs/\xc3")}) {
    TrainingArguments args;
    args.output_dir = text;
    EXPECT_THROW(args.finalize(), Error);
    args = {};
    args.run_name = text;
    EXPECT_THROW(args.finalize(), Error);
  }
}

TEST(TrainingArguments, FailsWithoutAChange) {
  TrainingArguments args;
  args.eval_strategy = "steps";
  args.per_device_train_batch_size = 0;  // set by a program, past set()
  EXPECT_EQ(sentence_of([&] { args.finalize(); }),
            "args.per_device_train_batch_size is 0, expected an integer from 1 to 2147483647");
  EXPECT_EQ(args.eval_steps, std::nullopt);
  EXPECT_FALSE(args.do_eval);
  args.per_device_train_batch_size = 8;
  args.logging_steps = std::numeric_limits<double>::quiet_NaN();
  EXPECT_NE(sentence_of([&] { args.finalize(); }), "no error");
}

TEST(TrainingArguments, CountsWarmupSteps) {
  TrainingArguments args;
  EXPECT_EQ(args.get_warmup_steps(100), 0);
  args.warmup_steps = 0.015;
  EXPECT_EQ(args.get_warmup_steps(100), 2);
  args.warmup_steps = 7;
  EXPECT_EQ(args.get_warmup_steps(3), 7);
  args.warmup_steps = 1.5;
  EXPECT_EQ(args.get_warmup_steps(100), 1);
  EXPECT_EQ(args.train_batch_size(), 8);
  EXPECT_EQ(args.eval_batch_size(), 8);
}

}  // namespace
}  // namespace trainer::training_arguments_test
