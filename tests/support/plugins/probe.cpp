// SPDX-License-Identifier: Apache-2.0
//
// Writes down what the host's services give at fixed moments; tests/command/services.sh compares the text.
#include <trainer/ext/objects.h>
#include <trainer/ext/parameters.h>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <trainer/sdk.hpp>
#include <vector>

namespace {

class Probe : public trainer::sdk::TrainerCallback, public trainer::sdk::Stateful, public trainer::sdk::Console {
 public:
  explicit Probe(const trainer::sdk::Host& host)
      : host_(host),
        tensors_(host.extension<trainer_ext_parameters>(TRAINER_EXT_PARAMETERS)),
        out_(std::fopen(std::string(host.config("path").text()).c_str(), "w")) {
    if (!out_) throw std::runtime_error("config.path could not be opened");
    const auto console = host.config("console");
    if (console.is_string()) console_ = std::fopen(std::string(console.text()).c_str(), "w");
  }
  ~Probe() override {
    std::fclose(out_);
    if (console_) std::fclose(console_);
  }

  void on_line(std::uint32_t stream, std::string_view text) noexcept override {
    if (console_) std::fprintf(console_, "%u %s\n", stream, std::string(text).c_str());
  }

  void on_init_end(const Arguments& args, const State&, Control&) override {
    std::fprintf(out_, "config %s\n", std::string(host_.config_json()).c_str());
    std::fprintf(out_, "max_steps %lld, learning_rate %g\n", static_cast<long long>(args["max_steps"].integer()),
                 args["learning_rate"].number());
    std::fprintf(out_, "no such extension: %s\n", host_.extension<void*>("no.such/1") ? "offered" : "null");
    std::fprintf(out_, "replay: %s\n", host_.is_replay() ? "yes" : "no");
    const trainer_process process = host_.process();
    std::fprintf(out_, "rank %u of %u, local rank %u of %u, node %u, restart %u\n", process.rank, process.world_size,
                 process.local_rank, process.local_world_size, process.node_rank, process.restart_count);
    describe("init_end objects");
    groups("init_end groups");
    list("init_end model", TRAINER_OF_MODEL);
    list("init_end optimizer", TRAINER_OF_OPTIMIZER);
  }
  void on_pre_optimizer_step(const Arguments&, const State& state, Control&) override {
    if (state.global_step == 0) list("pre_optimizer_step gradients", TRAINER_OF_GRADIENTS);
  }
  void on_step_end(const Arguments&, const State& state, Control&) override {
    if (state.global_step != 1) return;
    groups("step_end groups");
    describe("step_end objects");
    list("step_end gradients", TRAINER_OF_GRADIENTS);
    list("step_end optimizer", TRAINER_OF_OPTIMIZER);
  }
  void on_train_end(const Arguments&, const State&, Control&) override {
    std::fprintf(out_, "log_history %llu:", static_cast<unsigned long long>(host_.log_history_size()));
    host_.log_history_at(0).for_each(
        [&](std::string_view key, const auto&) { std::fprintf(out_, " %s", std::string(key).c_str()); });
    std::fprintf(out_, "\n");
    const std::string to = std::string(host_.config("path").text()) + ".model";
    std::fprintf(out_, "model saved: %s\n", host_.save_model(to) ? "yes" : "no");
  }

  void save_state(Map& args, Map& attributes) const override {
    args.set("path", host_.config("path"));
    attributes.set("events", 7);
  }
  void load_state(const Map& attributes) override {
    std::fprintf(out_, "restored events %lld\n", static_cast<long long>(attributes.get("events")->integer()));
  }

 private:
  void groups(const char* when) {
    const auto optimizer = host_.optimizer();
    if (!optimizer) return void(std::fprintf(out_, "%s not offered\n", when));
    std::fprintf(out_, "%s %llu, batches %lld\n", when, static_cast<unsigned long long>(optimizer->size()),
                 static_cast<long long>(train_dataloader_size()));
    for (std::uint64_t i = 0; i < optimizer->size(); ++i) {
      const auto group = optimizer->group(i);
      std::fprintf(out_, "  lr %g of %g, weight decay %g:", group.lr, group.initial_lr, group.weight_decay);
      for (const auto name : group.params) std::fprintf(out_, " %s", std::string(name).c_str());
      std::fprintf(out_, "\n");
    }
  }
  void describe(const char* when) {
    const auto* objects = host_.extension<trainer_ext_objects>(TRAINER_EXT_OBJECTS);
    if (!objects) return;  // a replay
    trainer_text json{};
    objects->describe(host_.raw(), &json);
    std::fprintf(out_, "%s %u %s\n", when, objects->present(host_.raw()),
                 std::string(trainer::sdk::view(json)).c_str());
  }
  void list(const char* when, std::uint32_t of) {
    if (!tensors_) return;  // a replay
    std::fprintf(out_, "%s %llu\n", when, static_cast<unsigned long long>(tensors_->count(host_.raw(), of)));
    trainer_text name{};
    trainer_tensor t{};
    t.struct_size = sizeof t;
    for (std::uint64_t i = 0; tensors_->at(host_.raw(), of, i, &name, &t) == TRAINER_OK; ++i) {
      std::fprintf(out_, "  %s [", std::string(trainer::sdk::view(name)).c_str());
      for (std::int32_t d = 0; d < t.ndim; ++d)
        std::fprintf(out_, "%s%lld", d ? ", " : "", static_cast<long long>(t.shape[d]));
      std::fprintf(out_, "] float%u device %d read_only %u%s%s\n", t.dtype_bits, t.device_type, t.read_only,
                   t.data ? "" : " null", copied(of, i, t) ? "" : " not copied");
    }
  }

  bool copied(std::uint32_t of, std::uint64_t index, const trainer_tensor& t) const {
    std::size_t size = t.dtype_bits / 8;
    for (std::int32_t d = 0; d < t.ndim; ++d) size *= static_cast<std::size_t>(t.shape[d]);
    std::vector<char> bytes(size + 1);
    const auto copy = [&](std::uint64_t i, std::size_t n) {
      return tensors_->copy(host_.raw(), of, i, bytes.data(), n);
    };
    return copy(index, size + 1) == TRAINER_ERROR && copy(1u << 20, size) == TRAINER_NOT_FOUND &&
           copy(index, size) == TRAINER_OK && std::memcmp(bytes.data(), t.data, size) == 0;
  }

  trainer::sdk::Host host_;
  const trainer_ext_parameters* tensors_;
  std::FILE* out_;
  std::FILE* console_ = nullptr;
};

}  // namespace

// clang-format off
TRAINER_PLUGIN(Probe, {
  "id": "probe",
  "version": "0.1.0",
  "description": "Writes down what the host's services give; for tests.",
  "class": "ProbeCallback",
  "events": ["on_init_end", "on_pre_optimizer_step", "on_step_end", "on_train_end"],
  "config": {
    "path": {"type": "string", "description": "the file to write"},
    "level": {"type": "integer", "default": 3, "minimum": 0},
    "console": {"type": ["string", "null"], "default": null, "description": "a file for the run's lines"}
  }
})
// clang-format on
