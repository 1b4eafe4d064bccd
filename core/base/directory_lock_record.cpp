// SPDX-License-Identifier: Apache-2.0
#include "base/directory_lock_record.hpp"

#include "base/process.hpp"
#include "trainer/error.hpp"
#include "trainer/json.hpp"
#include "trainer/log.hpp"

namespace trainer {

bool LockHolder::may_be_alive() const { return pid > 0 && (host != host_name() || process_is_alive(pid)); }

bool LockHolder::is_alive_here() const { return host == host_name() && pid != process_id() && may_be_alive(); }

std::string LockHolder::in_words() const {
  return pid == 0 ? "another training"
                  : "the training of process " + std::to_string(pid) + " on " + host + " since " + start;
}

LockHolder read_lock_record(std::string_view text) try {
  const json::value parsed = json::parse(text, "a lock");
  const auto& record = parsed.as_object();
  return {record.at("pid").to_number<std::int64_t>(), std::string(record.at("host").as_string()),
          std::string(record.at("start").as_string())};
} catch (const std::exception&) {
  return {};
}

std::string lock_record() {
  return json::dump(
             json::object{{"pid", process_id()}, {"host", host_name()}, {"start", utc_now("%Y-%m-%d %H:%M:%S UTC")}}) +
         "\n";
}

void refuse_second_training(const std::filesystem::path& directory, const std::string& who) {
  throw_run(error_id::directory_in_use, "output_dir " + directory.string() + " is in use by " + who +
                                            ", expected one training per directory; wait until that has ended, or name "
                                            "another output_dir");
}

void warn_unlocked(const std::filesystem::path& directory, const std::string& reason) {
  log::warning("output_dir " + directory.string() + " cannot be locked (" + reason +
               "); see that no other training writes there");
}

}  // namespace trainer
