// SPDX-License-Identifier: Apache-2.0
//
// Writes a line for each log, checkpoint and end into diary.txt. Keeps a copy within each checkpoint, so that a resumed
// run goes on with what was written until then, and says where the file is.
#include <fstream>
#include <iterator>
#include <string>
#include <trainer/sdk.hpp>
#include <trainer/sdk/path.hpp>
#include <vector>

class Diary : public trainer::sdk::TrainerCallback,
              public trainer::sdk::HasResults,
              public trainer::sdk::SeesOutcome,
              public trainer::sdk::KeepsFiles {
 public:
  static constexpr auto runs_on = trainer::sdk::RunsOn::world_zero;

  explicit Diary(const trainer::sdk::Host& host) : host_(host) {}

  void on_train_begin(const Arguments& args, const State&, Control&) override {
    path_ = trainer::sdk::path_of(args["output_dir"].text()) / "diary.txt";
    write(path_);
    const auto from = host_.resumed_checkpoint();
    add(from.empty() ? "begun" : "resumed from " + name_of(from));
  }
  void on_log(const Arguments&, const State& state, Control&, Map& logs) override {
    if (const auto loss = logs.get("loss"))
      add("step " + std::to_string(state.global_step) + ": loss " + std::to_string(loss->number()));
  }
  void on_save(const Arguments&, const State&, Control&) override { add("saved " + name_of(host_.saved_checkpoint())); }
  void on_outcome(const trainer::sdk::Outcome& outcome) override {
    if (path_.empty()) return;  // it failed before it began
    const std::string by(outcome.by());
    add(outcome.is_failed()        ? "failed: " + std::string(outcome.error())
        : outcome.is_interrupted() ? "interrupted by signal " + std::to_string(outcome.signal())
        : outcome.is_stopped()     ? "stopped by " + (by.empty() ? "the program" : by)
                                   : "completed");
  }
  std::vector<trainer::sdk::Result> results() const override {
    if (path_.empty()) return {};
    return {{"diary", trainer::sdk::text_of(path_), "cat {place}"}};
  }

  void save_files(std::string_view directory) override { write(trainer::sdk::path_of(directory) / "diary.txt"); }
  void load_files(std::string_view directory) override {
    std::ifstream in(trainer::sdk::path_of(directory) / "diary.txt");
    text_.assign(std::istreambuf_iterator<char>(in), {});
    if (!in || text_.empty()) throw std::runtime_error("there is no diary in " + std::string(directory));
  }

 private:
  static std::string name_of(std::string_view directory) {
    return trainer::sdk::text_of(trainer::sdk::path_of(directory).filename());
  }
  void add(const std::string& line) {
    text_ += line + "\n";
    write(path_);
  }
  void write(const std::filesystem::path& path) const {
    std::ofstream out(path);
    if (!(out << text_).flush()) throw std::runtime_error(trainer::sdk::text_of(path) + " could not be written");
  }

  trainer::sdk::Host host_;
  std::filesystem::path path_;
  std::string text_;
};

// clang-format off
TRAINER_PLUGIN(Diary, {
  "id": "diary",
  "version": "1.0.0",
  "description": "Writes a line for each log, checkpoint and end, and keeps its file in checkpoints."
})
// clang-format on
