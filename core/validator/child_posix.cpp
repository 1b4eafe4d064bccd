// SPDX-License-Identifier: Apache-2.0
#include "child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "trainer/error.hpp"
#include "trainer/files.hpp"

namespace trainer::validator {
namespace fs = std::filesystem;
namespace {

constexpr int record_fd = 3;
constexpr std::size_t longest_record = 1 << 20;
constexpr std::size_t longest_printed = 2000;
constexpr const char* names[] = {"passed", "failed", "skipped"};

class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string pattern = (fs::temp_directory_path() / "trainer_validate.XXXXXX").string();
    if (!::mkdtemp(pattern.data()))
      throw_run(pattern + " could not be made: " + std::strerror(errno) + "; set TMPDIR to a writable directory");
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

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (auto& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

pid_t start(std::vector<std::string> words, const fs::path& scratch, int record) {
  auto variables = environment(scratch.string());
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  const auto printed = (scratch / "printed").string();
  ::posix_spawn_file_actions_adddup2(&files, record, record_fd);
  ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, 1, printed.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::posix_spawn_file_actions_adddup2(&files, 1, 2);
  ::posix_spawn_file_actions_addchdir_np(&files, scratch.c_str());
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, words[0].c_str(), &files, &attributes, pointers(words).data(),
                                  pointers(variables).data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  if (error != 0) throw_run(words[0] + " could not be started: " + std::strerror(error));
  return pid;
}

// What comes from the pipe without waiting; both ends may be gone.
void drain(int fd, std::string& text) {
  char piece[4096];
  for (ssize_t n = 0; text.size() < longest_record && (n = ::read(fd, piece, sizeof piece)) > 0;)
    text.append(piece, static_cast<std::size_t>(n));
}

std::string ending(int status) {
  if (WIFSIGNALED(status))
    return "signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
  return "exit status " + std::to_string(WEXITSTATUS(status));
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

Result read_record(const std::string& id, const std::string& record, int status) {
  Result result{id, Outcome::failed, "", "", 0};
  if (record.empty() || record.back() != '\n') {
    result.reason = "the process ended before the test did: " + ending(status);
    return result;
  }
  const auto parsed = json::parse(record, "the record of " + id).as_object();
  const std::string outcome(parsed.at("outcome").as_string());
  for (const auto known : {Outcome::passed, Outcome::failed, Outcome::skipped})
    if (outcome == names[static_cast<int>(known)]) result.outcome = known;
  result.reason = parsed.at("reason").as_string();
  if (status != 0) {
    result.outcome = Outcome::failed;
    result.reason = "the process ended with " + ending(status) + " after the test: " + result.reason;
  }
  return result;
}

}  // namespace

Result run_in_child(const std::string& id, const Options& options, const std::vector<std::string>& program,
                    double limit_s) {
  const ScratchDirectory scratch;
  auto words = program;
  for (const auto& word : {std::string("--worker"), id, std::string("--seed"), std::to_string(options.seed),
                           std::string("--config"), json::dump(options.config),
                           fs::absolute(options.file).lexically_normal().string()})
    words.push_back(word);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw_run(std::string("no pipe could be made: ") + std::strerror(errno));
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  const auto begin = std::chrono::steady_clock::now();
  const pid_t pid = start(std::move(words), scratch.path(), ends[1]);
  ::close(ends[1]);

  std::string record;
  int status = 0;
  bool killed = false;
  double seconds = 0;
  // Not until the pipe closes: what the plugin started may hold it open.
  for (pid_t ended = 0; ended == 0;) {
    pollfd event{ends[0], POLLIN, 0};
    if (::poll(&event, 1, 5) > 0 && (event.revents & POLLIN) == 0) ::usleep(5000);  // closed
    drain(ends[0], record);
    ended = ::waitpid(pid, &status, WNOHANG);
    if (ended < 0 && errno == EINTR) ended = 0;
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (ended == 0 && !killed && seconds > limit_s) {
      ::kill(-pid, SIGKILL);
      killed = true;
    }
  }
  drain(ends[0], record);
  ::close(ends[0]);
  ::kill(-pid, SIGKILL);  // processes that it left
  Result result = killed ? Result{id, Outcome::failed,
                                  "killed at its limit of " + std::to_string(static_cast<int>(limit_s)) + " s", "", 0}
                         : read_record(id, record, status);
  result.seconds = seconds;
  if (result.outcome == Outcome::failed) result.printed = end_of(scratch.path() / "printed");
  return result;
}

Child::Child() {
  ::fcntl(record_fd, F_SETFD, FD_CLOEXEC);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

int Child::record(const Result& result) const {
  const json::object object{{"outcome", names[static_cast<int>(result.outcome)]},
                            {"reason", result.reason.substr(0, longest_record / 8)}};
  const std::string text = json::dump(object) + "\n";
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(record_fd, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return 1;
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  return 0;
}

}  // namespace trainer::validator
