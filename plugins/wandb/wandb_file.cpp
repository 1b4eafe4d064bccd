// SPDX-License-Identifier: Apache-2.0
//
// Writes the records of wandb_internal.proto.
#include "wandb_file.hpp"

#include <trainer/sdk/path.hpp>
#include <trainer/sdk/repr.hpp>

#include "system_stats.hpp"

namespace trainer::wandb {
namespace {

using plugins::protobuf::Message;

// wandb_internal.Record
constexpr unsigned record_num = 1, record_summary = 3, record_config = 5, record_stats = 7, record_artifact = 8,
                   record_telemetry = 11, record_metric = 12, record_output = 13, record_run = 17, record_exit = 18,
                   record_header = 21, record_environment = 26;
constexpr unsigned item_key = 1, item_value = 16;

}  // namespace

void Items::add(std::string_view key, std::string_view json) {
  // The key is a path with one part: a dot or slash in it means nothing.
  Message(bytes_).message(1, [&](Message& i) { i.text(2, key, true).text(item_value, json); });
}

void Items::add(std::string_view key, std::string_view leaf, std::string_view json) {
  Message(bytes_).message(1, [&](Message& i) { i.text(2, key, true).text(2, leaf, true).text(item_value, json); });
}

void Items::add_stat(std::string_view key, double value) {
  std::string json;
  sdk::append_repr(json, value);
  Message(bytes_).message(3, [&](Message& i) { i.text(item_key, key).text(item_value, json); });
}

WandbFile::WandbFile(const std::filesystem::path& path) : file_(path, file_header) {
  append([](Message& record) {
    record.message(record_header, [](Message& header) {
      // The version of the client whose format this is; readers compare the second one.
      header.message(1, [](Message& v) { v.text(1, "0.31.0+libtrainer").text(2, "0.70.0"); });
    });
  });
}

void WandbFile::run(const Settings& s, std::int64_t start, std::int64_t starting_step, bool resumed) {
  append([&](Message& record) {
    record.message(record_run, [&](Message& run) {
      run.text(1, s.id).text(2, s.entity).text(3, s.project);
      run.message(4, [](Message& config) {
        config.message(1, [](Message& item) { item.text(1, "_wandb").text(item_value, "{}"); });
      });
      run.text(6, s.group).text(7, s.job_type).text(8, s.name).text(9, s.notes);
      for (const std::string& tag : s.tags) run.text(10, tag, true);
      run.text(12, s.sweep_id).text(13, s.host).integer(14, starting_step);
      run.timestamp(17, start).flag(18, resumed);
    });
  });
}

void WandbFile::environment(std::int64_t started) {
  const Machine machine = this_machine();
  append([&](Message& record) {
    record.message(record_environment, [&](Message& e) {
      e.text(1, machine.os).timestamp(3, started).text(6, machine.program);
      e.text(11, machine.directory).text(12, machine.host).text(14, machine.program);
      e.integer(16, machine.cores).integer(17, machine.logical_cores);
      e.message(20, [&](Message& entry) {  // map<string, DiskInfo>
        entry.text(1, "/").message(
            2, [&](Message& disk) { disk.integer(1, machine.disk_total).integer(2, machine.disk_used); });
      });
      e.message(21, [&](Message& memory) { memory.integer(1, machine.memory_total); });
      e.message(22, [&](Message& cpu) {
        cpu.integer(1, machine.cores).integer(2, machine.logical_cores).text(3, machine.cpu_model);
      });
    });
  });
}

void WandbFile::telemetry() {
  append([](Message& record) {
    record.message(record_telemetry, [](Message& telemetry) {
      telemetry.message(3, [](Message& feature) {
        // offline, metric, set_config_item, lib_cpp, set_summary, metric_step_sync
        for (const unsigned field : {4u, 9u, 19u, 57u, 62u, 66u}) feature.flag(field, true);
      });
      telemetry.message(9, [](Message& label) { label.text(1, "transformers_trainer"); });
    });
  });
}

void WandbFile::config(const plugins::JsonTree& values) {
  append([&](Message& record) {
    record.message(record_config, [&](Message& config) {
      std::string json;
      for (std::size_t i = 0; i < values.keys.size(); ++i) {
        json.clear();
        plugins::append_json(json, values.items[i], plugins::Escape::utf8, false);
        config.message(1, [&](Message& item) { item.text(item_key, values.keys[i]).text(item_value, json); });
      }
    });
  });
}

void WandbFile::metric(std::string_view name, std::string_view glob, std::string_view step_metric) {
  append([&](Message& record) {
    record.message(record_metric, [&](Message& metric) {
      metric.text(1, name).text(2, glob).text(4, step_metric);
      metric.message(6, [&](Message& o) { o.flag(1, !step_metric.empty()).flag(3, true); });
    });
  });
}

void WandbFile::history(std::int64_t step, const Items& row, const Items& summary) {
  const std::lock_guard lock(mutex_);
  record_.clear(), second_.clear();
  Message(record_).integer(record_num, ++number_).message(record_summary, [&](Message& message) {
    message.raw(summary.bytes());
  });
  Message(second_).integer(record_num, ++number_).message(record_history, [&](Message& message) {
    message.raw(row.bytes()).message(2, [&](Message& m) { m.integer(1, step); });
  });
  file_.append({record_, second_});
}

void WandbFile::summary(std::string_view key, std::string_view json) {
  append([&](Message& record) {
    record.message(record_summary, [&](Message& summary) {
      summary.message(1, [&](Message& item) { item.text(item_key, key).text(item_value, json); });
    });
  });
}

void WandbFile::artifact(const Settings& settings, const Artifact& artifact) {
  append([&](Message& record) {
    record.message(record_artifact, [&](Message& a) {
      a.text(1, settings.id).text(2, settings.project).text(3, settings.entity);
      a.text(4, artifact.type).text(5, artifact.name).text(6, artifact.digest());
      a.text(8, artifact.metadata);
      for (const std::string& alias : artifact.aliases) a.text(11, alias, true);
      a.message(12, [&](Message& manifest) {
        manifest.integer(1, 1).text(2, "wandb-storage-policy-v1");
        manifest.message(3, [](Message& item) { item.text(1, "storageLayout").text(2, "\"V2\""); });
        for (const Artifact::File& file : artifact.files)
          manifest.message(4, [&](Message& entry) {
            entry.text(1, file.path).text(2, file.digest);
            entry.integer(4, static_cast<std::int64_t>(file.size)).text(6, sdk::text_of(file.staged));
          });
      });
      a.flag(14, true).text(15, artifact.client_id).text(16, artifact.sequence_client_id);
      a.text(20, "MANIFEST_MD5");
    });
  });
}

void WandbFile::stats(std::int64_t time, const Items& row) {
  append([&](Message& record) {
    record.message(record_stats, [&](Message& stats) { stats.timestamp(2, time).raw(row.bytes()); });
  });
}

void WandbFile::output(bool is_stdout, std::int64_t time, std::string_view line) {
  append([&](Message& record) {
    record.message(record_output, [&](Message& output) { output.flag(1, is_stdout).timestamp(2, time).text(3, line); });
  });
}

void WandbFile::exit(int code, std::int64_t seconds) {
  append([&](Message& record) {
    record.message(record_exit, [&](Message& m) { m.integer(1, code).integer(2, seconds); });
  });
}

void WandbFile::flush() {
  const std::lock_guard lock(mutex_);
  file_.flush();
}

void WandbFile::close() {
  const std::lock_guard lock(mutex_);
  file_.close();
}

template <typename Fill>
void WandbFile::append(Fill&& fill) {
  const std::lock_guard lock(mutex_);
  record_.clear();
  Message message(record_);
  message.integer(record_num, ++number_);
  fill(message);
  file_.append(record_);
}

}  // namespace trainer::wandb
