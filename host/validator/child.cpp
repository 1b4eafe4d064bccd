// SPDX-License-Identifier: Apache-2.0
#include "validator/child.hpp"

#include <algorithm>
#include <fstream>

#include "base/child_process.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "validator/scratch.hpp"

namespace trainer::validator {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t longest_reason = 100'000;
constexpr std::size_t longest_printed = 2000;
constexpr const char* names[] = {"passed", "failed", "skipped"};

class ScratchDirectory {
 public:
  ScratchDirectory() : path_(make_scratch_directory()) {}
  ~ScratchDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string end_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  in.seekg(0, std::ios::end);
  const auto size = static_cast<std::size_t>(std::max<std::streamoff>(0, in.tellg()));
  std::string text(std::min(size, longest_printed), '\0');
  in.seekg(static_cast<std::streamoff>(size - text.size()));
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  for (char& c : text)  // it goes to terminals and into XML
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c & 0x80 || c == 0x7f) c = '?';
  return text;
}

Result result_of(const std::string& id, const ChildEnd& end, double limit_s) {
  Result result{id, Outcome::failed, "", "", end.seconds};
  if (end.killed) {
    result.reason = "killed at its limit of " + std::to_string(static_cast<int>(limit_s)) + " s";
    return result;
  }
  if (end.record.empty()) {
    result.reason = "the process ended before the test did: " + end.ending;
    return result;
  }
  const auto parsed = json::parse(end.record, "the record of " + id).as_object();
  const std::string outcome(parsed.at("outcome").as_string());
  for (const auto known : {Outcome::passed, Outcome::failed, Outcome::skipped})
    if (outcome == names[static_cast<int>(known)]) result.outcome = known;
  result.reason = parsed.at("reason").as_string();
  if (!end.good) {
    result.outcome = Outcome::failed;
    result.reason = "the process ended with " + end.ending + " after the test: " + result.reason;
  }
  return result;
}

}  // namespace

Result run_in_child(const std::string& id, const Options& options, const std::vector<std::string>& program,
                    double limit_s) {
  const ScratchDirectory scratch;
  ChildProcess child{program, worker_environment(scratch.path().string()), scratch.path(), scratch.path() / "printed",
                     limit_s};
  for (const auto& word :
       {std::string("--worker"), id, std::string("--seed"), std::to_string(options.seed), std::string("--config"),
        json::dump(options.config), fs::absolute(options.file).lexically_normal().string()})
    child.command.push_back(word);
  Result result = result_of(id, run_child(child), limit_s);
  if (result.outcome == Outcome::failed) result.printed = end_of(scratch.path() / "printed");
  return result;
}

int record(const Result& result) {
  return write_record(json::dump(json::object{{"outcome", names[static_cast<int>(result.outcome)]},
                                              {"reason", result.reason.substr(0, longest_reason)}}));
}

}  // namespace trainer::validator
