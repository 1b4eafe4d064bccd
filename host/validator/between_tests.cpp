// SPDX-License-Identifier: Apache-2.0
//
// What an instance is asked for and told between events: its results, the outcome, its files in a checkpoint.
#include <trainer/ext/checkpoint.h>
#include <trainer/ext/outcome.h>
#include <trainer/ext/results.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "border/abi_sizes.hpp"
#include "trainer/error.hpp"
#include "validator/catalogue.hpp"
#include "validator/runs.hpp"

namespace trainer::validator {
namespace fs = std::filesystem;
namespace {

// A training, after which the instance lives on.
void train(Instance& instance, bool finishes = true) {
  instance.fire(TRAINER_ON_INIT_END);
  instance.fire(TRAINER_ON_TRAIN_BEGIN);
  for (int step = 1; step < 4; ++step) {
    instance.host.state.global_step = step;
    instance.fire(TRAINER_ON_STEP_END);
    instance.fire(TRAINER_ON_LOG, step_logs(step));
  }
  if (!finishes) return;
  instance.fire(TRAINER_ON_LOG, summary());
  instance.fire(TRAINER_ON_TRAIN_END);
}

template <typename Extension>
const Extension& offered(Instance& instance, const char* id, const char* otherwise) {
  const auto* found = instance.extension<Extension>(id);
  if (!found) throw Skip(otherwise);
  if (!has_least_size(*found) || found->reserved != 0)
    throw Failure("its " + std::string(id) + " has a struct_size of " + std::to_string(found->struct_size) +
                  ", or a reserved field that is not 0");
  return *found;
}

void check_text(const trainer_text& text, const std::string& what) {
  const std::string_view given(text.data ? text.data : "", text.data ? text.size : 0);
  if (on_one_line(given) != given) throw Failure(what + " is not one line of UTF-8");
}

std::uint64_t ask_for_results(Instance& instance) {
  const auto& results = offered<trainer_ext_results>(instance, TRAINER_EXT_RESULTS, "the plugin has no results");
  for (std::uint64_t i = 0; i <= TRAINER_MOST_RESULTS; ++i) {
    trainer_result one{};
    one.struct_size = sizeof one;
    instance.host.error.clear();
    const std::int32_t status = results.at(instance.table(), i, &one);
    if (status == TRAINER_NOT_FOUND) return i;
    const std::string what = "result " + std::to_string(i);
    instance.check_status(status, what);
    if (one.struct_size != sizeof one || one.reserved != 0) throw Failure(what + " has a changed head");
    for (const trainer_text* text : {&one.label, &one.place, &one.view}) check_text(*text, "a text of " + what);
    if (one.label.size == 0) throw Failure(what + " is without a label");
    if (one.place.size == 0 && one.view.size == 0) throw Failure(what + " has neither a place nor a command");
  }
  throw Failure("it has more than " + std::to_string(TRAINER_MOST_RESULTS) + " results, expected TRAINER_NOT_FOUND");
}

void results(Subject& subject) {
  try {
    Instance instance(subject);
    ask_for_results(instance);  // of a training that failed before it began
    train(instance);
    const std::uint64_t count = ask_for_results(instance);
    if (ask_for_results(instance) != count) throw Failure("asked again it has another number of results");
    subject.detail = std::to_string(count) + " results";
  } catch (const Refused&) {
    subject.require_accepted();
  }
}

// What a host tells, overwritten afterwards; `larger` is that of a host that is newer.
void tell(Instance& instance, const trainer_ext_outcome& extension, std::uint32_t kind, bool larger) {
  std::string by = "early_stopping", error = "callback x failed in on_log at step 2: \xc3\xa4", id = "callback.failed";
  struct {
    trainer_outcome outcome;
    char tail[64];
  } memory;
  std::memset(static_cast<void*>(&memory), 0xA5, sizeof memory);
  const auto text = [](const std::string& of, bool given) {
    return given ? trainer_text{of.data(), of.size()} : trainer_text{};
  };
  memory.outcome = {static_cast<std::uint32_t>(larger ? sizeof memory : sizeof memory.outcome),
                    kind,
                    2,
                    4,
                    0.5,
                    kind == TRAINER_OUTCOME_INTERRUPTED ? 15 : 0,
                    0,
                    text(by, kind == TRAINER_OUTCOME_STOPPED),
                    text(error, kind == TRAINER_OUTCOME_FAILED),
                    text(id, kind == TRAINER_OUTCOME_FAILED)};
  instance.host.error.clear();
  const std::int32_t status = extension.ended(instance.table(), &memory.outcome);
  std::memset(static_cast<void*>(&memory), 0x5A, sizeof memory);
  for (std::string* one : {&by, &error, &id}) one->assign(one->size(), '?');
  instance.check_status(status, "ended");
}

void outcome(Subject& subject) {
  constexpr std::uint32_t newer = 1000;  // a kind that the plugin cannot know
  for (const std::uint32_t kind :
       {TRAINER_OUTCOME_COMPLETED, TRAINER_OUTCOME_STOPPED, TRAINER_OUTCOME_INTERRUPTED, TRAINER_OUTCOME_FAILED, newer})
    for (const bool begins : {false, true}) try {
        Instance instance(subject);
        const auto& extension =
            offered<trainer_ext_outcome>(instance, TRAINER_EXT_OUTCOME, "the plugin does not ask how a training ended");
        if (begins) train(instance, kind != TRAINER_OUTCOME_FAILED);
        tell(instance, extension, kind, false);
        train(instance);  // another training
        tell(instance, extension, kind, true);
      } catch (const Refused&) {
      }
  subject.require_accepted();
}

struct Files {
  Instance& instance;
  const trainer_ext_checkpoint_files& extension = offered<trainer_ext_checkpoint_files>(
      instance, TRAINER_EXT_CHECKPOINT, "the plugin keeps no files in checkpoints");

  void save(const fs::path& directory) {
    fs::create_directories(directory);
    call(extension.save, directory, "save");
    for (const auto& one : fs::recursive_directory_iterator(directory))
      if (one.is_symlink() || !(one.is_regular_file() || one.is_directory()))
        throw Failure("save left " + one.path().filename().string() + ", which is neither a file nor a directory");
  }
  void load(const fs::path& directory) { call(extension.load, directory, "load"); }

 private:
  template <typename Function>
  void call(Function function, const fs::path& directory, const char* what) {
    const std::string text = fs::absolute(directory).string();
    instance.host.error.clear();
    instance.check_status(function(instance.table(), text.data(), text.size()), what);
  }
};

std::string content_of(const fs::path& directory) {
  std::string all;
  for (const auto& one : fs::recursive_directory_iterator(directory)) {
    all += one.path().lexically_relative(directory).generic_string() + "\n";
    std::ifstream in(one.path(), std::ios::binary);
    all.append(std::istreambuf_iterator<char>(in), {});
  }
  return all;
}

// Taken or refused, and the instance works on.
void load_and_go_on(Subject& subject, const fs::path& directory) try {
  Instance instance(subject);
  try {
    Files{instance}.load(directory);
  } catch (const Refused&) {
  }
  train(instance);
} catch (const Refused&) {
}

void files(Subject& subject) {
  const fs::path saved = "checkpoint-2/plugins/" + subject.file().note.id;
  try {
    Instance instance(subject);
    Files{instance}.save("checkpoint-0");  // before the first event
    train(instance);
    Files{instance}.save(saved);
  } catch (const Refused&) {
    subject.require_accepted();
    throw Skip("the plugin refuses to save here: " + subject.refusal);
  }
  const std::string before = content_of(saved);
  try {
    Instance instance(subject);
    Files{instance}.load(saved);
    if (content_of(saved) != before) throw Failure("load changed the checkpoint's files");
    train(instance);
    Files{instance}.save("checkpoint-4");
  } catch (const Refused&) {
    throw Failure("the plugin refused its own files: " + subject.refusal);
  }
  std::size_t count = 0;
  for (const auto& one : fs::recursive_directory_iterator(saved)) {
    if (!one.is_regular_file()) continue;
    ++count;
    fs::resize_file(one.path(), one.file_size() / 2);
    load_and_go_on(subject, saved);
    std::ofstream(one.path(), std::ios::binary) << "\xff\n{";
    load_and_go_on(subject, saved);
  }
  fs::remove_all(saved);
  fs::create_directories(saved);
  load_and_go_on(subject, saved);
  subject.detail = std::to_string(count) + " files";
}

}  // namespace

Entries between_tests() {
  return {
      {{"between.results", "says where its results are, each time the same number", 30}, results},
      {{"between.outcome", "is told of each way in which a training can end", 30}, outcome},
      {{"between.files", "its files of a checkpoint, loaded, damaged and missing", 60}, files},
  };
}

}  // namespace trainer::validator
