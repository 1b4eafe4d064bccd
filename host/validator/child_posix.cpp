// SPDX-License-Identifier: Apache-2.0
#include "validator/child.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "base/child_process.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"

namespace trainer::validator {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t longest_reason = 100'000;
constexpr std::size_t longest_printed = 2000;
constexpr const char* names[] = {"passed", "failed", "skipped"};

class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string pattern = (fs::temp_directory_path() / "trainer_validate.XXXXXX").string();
    if (!::mkdtemp(pattern.data()))
      throw_run(error_id::directory_unusable,
                pattern + " could not be made: " + std::strerror(errno) + "; set TMPDIR to a writable directory");
    path_ = pattern;
  }
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

// Nothing of the user's: no tracker is configured, no home is written to, no proxy leads anywhere.
std::vector<std::string> environment(const std::string& scratch) {
  std::vector<std::string> out{"HOME=" + scratch, "TMPDIR=" + scratch, "LC_ALL=C.UTF-8",
                               "http_proxy=http://127.0.0.1:9", "https_proxy=http://127.0.0.1:9"};
  for (const char* name : {"PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"})
    if (const char* value = std::getenv(name)) out.push_back(std::string(name) + "=" + value);
  return out;
}

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
  ChildProcess child{program, environment(scratch.path().string()), scratch.path(), scratch.path() / "printed",
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
