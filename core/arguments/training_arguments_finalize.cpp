// SPDX-License-Identifier: Apache-2.0
//
// TrainingArguments::finalize(): values that follow from others, and the checks across arguments.
#include <cmath>
#include <cstdlib>

#include "arguments/training_arguments_table.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "trainer/error.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer {
namespace {

std::string shown(const Number& v) { return json::dump(v.to_json()); }
std::string in_quotes(const std::string& text) { return "\"" + text + "\""; }

// The checks and steps of __post_init__ in transformers' training_args.py, in its order.
class Finalizer {
 public:
  Finalizer(TrainingArguments& args, std::string_view where) : a_(args), where_(where) {}

  void run() {
    take_back();
    for (const auto& argument : arguments::table())
      if (argument.supported()) arguments::check(argument, arguments::read(a_, argument), place(argument.name));
    expand_home();
    derive();
    normalize_report_to();
    check_steps();
    if (a_.load_best_model_at_end && a_.save_strategy != "best") check_best_model_steps();
    check_combinations();
    if (a_.use_cpu && a_.dataloader_pin_memory) {
      a_.dataloader_pin_memory = false;
      a_.derived.dataloader_pin_memory = true;
    }
  }

 private:
  std::string place(std::string_view name) const { return arguments::place_of(where_, name); }

  // Unsets what an earlier call filled in, so that it follows from the values of today.
  void take_back() {
    auto unset = [](auto& field, const auto& derived) {
      if (field && derived && *field == *derived) field.reset();
    };
    auto& derived = a_.derived;
    unset(a_.eval_steps, derived.eval_steps);
    unset(a_.metric_for_best_model, derived.metric_for_best_model);
    unset(a_.greater_is_better, derived.greater_is_better);
    if (derived.do_eval) a_.do_eval = false;
    if (derived.dataloader_pin_memory) a_.dataloader_pin_memory = true;
    derived = {};
  }

  void expand_home() {
    auto& dir = a_.output_dir;
    if (dir[0] != '~' || (dir.size() > 1 && dir[1] != '/')) return;
    if (const std::string home = home_directory(); !home.empty()) dir.replace(0, 1, home);
  }

  void derive() {
    if (!a_.do_eval && a_.eval_strategy != "no") a_.do_eval = a_.derived.do_eval = true;
    if (a_.eval_strategy == "steps" && (!a_.eval_steps || *a_.eval_steps == 0)) {
      if (a_.logging_steps <= 0)
        throw_usage(error_id::arguments_invalid,
                    place("eval_strategy") +
                        " is \"steps\", but neither eval_steps nor logging_steps is above 0; set "
                        "eval_steps");
      a_.eval_steps = a_.derived.eval_steps = a_.logging_steps;
    }
    const bool watches_metric = a_.load_best_model_at_end || by_evaluations();
    if (watches_metric && !a_.metric_for_best_model)
      a_.metric_for_best_model = a_.derived.metric_for_best_model = "loss";
    if (!a_.greater_is_better && a_.metric_for_best_model)
      a_.greater_is_better = a_.derived.greater_is_better = !a_.metric_for_best_model->ends_with("loss");
  }

  bool by_evaluations() const {
    return a_.lr_scheduler_type == "reduce_lr_on_plateau" || a_.lr_scheduler_type == "greedy";
  }

  void normalize_report_to() {
    auto& names = a_.report_to;
    if (names == std::vector<std::string>{"none"}) names.clear();
    for (const auto& name : names) {
      if (name.empty())
        throw_usage(error_id::arguments_invalid,
                    place("report_to") + " has an empty name; name installed trackers, or give \"all\" or \"none\"");
      if ((name == "all" || name == "none") && names.size() > 1)
        throw_usage(error_id::arguments_invalid, place("report_to") + " has " + in_quotes(name) +
                                                     " beside other names; give it alone, or only names");
    }
  }

  void check_steps() {
    if (a_.logging_strategy == "steps" && a_.logging_steps == 0)
      throw_usage(error_id::arguments_invalid,
                  place("logging_steps") +
                      " is 0, expected another number under logging_strategy \"steps\"; for no logs set "
                      "logging_strategy to \"no\"");
    if (a_.logging_strategy == "steps") make_whole("logging_steps", a_.logging_steps);
    if (a_.eval_strategy == "steps") {
      make_whole("eval_steps", *a_.eval_steps);
      if (a_.derived.eval_steps) a_.derived.eval_steps = a_.eval_steps;
    }
    if (a_.save_strategy == "steps") make_whole("save_steps", a_.save_steps);
  }

  // Exactly 1.0 stays a float, and is written as one to trainer_state.json.
  void make_whole(std::string_view name, Number& steps) {
    if (!(steps > 1)) return;
    if (steps != std::trunc(steps))
      throw_usage(
          error_id::arguments_invalid,
          place(name) + " is " + shown(steps) + ", expected a whole number of steps, or a share of all steps below 1");
    steps = static_cast<std::int64_t>(steps);
  }

  void check_best_model_steps() {
    const std::string best = place("load_best_model_at_end");
    if (a_.eval_strategy != a_.save_strategy)
      throw_usage(error_id::arguments_invalid, best + " needs a checkpoint for each evaluation, but save_strategy is " +
                                                   in_quotes(a_.save_strategy) + " and eval_strategy is " +
                                                   in_quotes(a_.eval_strategy) +
                                                   "; make them equal, or set save_strategy to \"best\"");
    if (a_.eval_strategy != "steps") return;
    const double save = a_.save_steps;
    const double eval = *a_.eval_steps;
    if (std::fmod(save, eval) == 0) return;
    if ((eval < 1) != (save < 1))
      throw_usage(error_id::arguments_invalid,
                  best + " needs save_steps to be a multiple of eval_steps, but one of " + shown(a_.save_steps) +
                      " and " + shown(*a_.eval_steps) +
                      " is a share of all steps and the other is not; give both in the same way");
    // Shares such as 0.3 and 0.1 are multiples of each other only after this, as in transformers.
    constexpr double large = 1'000'000;
    if (eval < 1 && std::fmod(save * large, eval * large) == 0) return;
    throw_usage(error_id::arguments_invalid, best + " needs save_steps to be a multiple of eval_steps, but they are " +
                                                 shown(a_.save_steps) + " and " + shown(*a_.eval_steps) +
                                                 "; change one of them");
  }

  void check_combinations() {
    if (a_.fp16 && a_.bf16)
      throw_usage(error_id::arguments_invalid,
                  place("fp16") + " and bf16 are both true, expected at most one; remove one");
    if (a_.fp16_full_eval && a_.bf16_full_eval)
      throw_usage(error_id::arguments_invalid,
                  place("fp16_full_eval") + " and bf16_full_eval are both true, expected at most one; remove one");
    if (by_evaluations() && a_.eval_strategy == "no")
      throw_usage(error_id::arguments_invalid,
                  place("lr_scheduler_type") + " is " + in_quotes(a_.lr_scheduler_type) +
                      ", which evaluations drive, but eval_strategy is \"no\"; set it to \"steps\" or "
                      "\"epoch\"");
    if (a_.save_strategy == "best" && !a_.metric_for_best_model)
      throw_usage(error_id::arguments_invalid,
                  place("save_strategy") +
                      " is \"best\", but metric_for_best_model is not set; set it, to \"loss\" for "
                      "example");
    if (a_.dataloader_num_workers > 0) return;
    if (a_.dataloader_prefetch_factor)
      throw_usage(error_id::arguments_invalid,
                  place("dataloader_prefetch_factor") +
                      " is for workers, but dataloader_num_workers is 0; raise that, or remove this");
    if (a_.dataloader_persistent_workers)
      throw_usage(error_id::arguments_invalid,
                  place("dataloader_persistent_workers") +
                      " is for workers, but dataloader_num_workers is 0; raise that, or remove this");
  }

  TrainingArguments& a_;
  std::string_view where_;
};

// Texts become paths, environment variables and JSON, and none of these takes every byte.
void check_texts(const TrainingArguments& args, std::string_view where) {
  for (const auto& argument : arguments::table()) {
    if (!argument.supported()) continue;
    const json::value value = arguments::read(args, argument);
    if (!value.is_string()) continue;
    const std::string text(value.get_string());
    const bool zero = text.find('\0') != text.npos;
    if (zero || !is_utf8(text))
      throw_usage(error_id::arguments_invalid, arguments::place_of(where, argument.name) + " is " + json::dump(value) +
                                                   (zero ? ", which has a zero byte" : ", which is not UTF-8") +
                                                   "; give a text that the system and JSON accept");
  }
}

}  // namespace

void TrainingArguments::finalize(std::string_view where) {
  TrainingArguments args = *this;
  check_texts(args, where);
  Finalizer(args, where).run();
  *this = std::move(args);
}

}  // namespace trainer
