// SPDX-License-Identifier: Apache-2.0
//
// journal.hpp - what is to be sent to a server, in a file that outlives the program.
//
// record.hpp says what its lines are. A line is appended by one write, so a killed program leaves
// whole lines; a mark that was not written in time makes a batch go out twice, which MLflow stores once.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <trainer/sdk/file.hpp>
#include <vector>

#include "shared/system/files.hpp"

namespace trainer::plugins::mlflow {

class Journal {
 public:
  /// A record on its way out.
  struct Item {
    std::string line;
    std::uint64_t end = 0;  ///< where the next one begins in the file; 0 for one in memory only
  };

  /// A new one, <directory>/<name>-<time>-<process>.journal. Where that cannot be, the records stay
  /// in memory, and problem() says why.
  Journal(const std::filesystem::path& directory, const std::string& name, std::string header);

  /// One that was left over. Its damaged lines are passed over. Throws std::runtime_error when it is no
  /// journal.
  explicit Journal(const std::filesystem::path& path, FileLock lock);

  /// Those of that name in the directory that no living program writes, oldest first.
  static std::vector<std::filesystem::path> left_over(const std::filesystem::path& directory, const std::string& name);

  /// Adds a record. Never throws for a full disk: the record then waits in memory. Allocates
  /// nothing while the disk takes it. `line` has no newline; one is put to it.
  void append(std::string& line);

  /// The next record that was not read yet; false when there is none.
  bool next(Item& item);
  /// Puts back what was read and not sent: the reading goes on there.
  void rewind(std::deque<Item>& unsent);

  /// Notes what was achieved; a disk that does not take it is no failure.
  void mark(std::string line);
  void mark_sent(std::uint64_t end);

  /// Removes the file when there is nothing left to send; false when there is. A later append
  /// begins it again, with `header`.
  bool remove_if_done(std::string header);

  const std::filesystem::path& path() const { return path_; }
  const std::string& header() const { return header_; }
  /// What was achieved, but for how much was sent; for the thread that marks.
  const std::vector<std::string>& marks() const { return marks_; }
  /// Of a left-over one: a sentence about its damaged lines, or empty.
  const std::string& damage() const { return damage_; }
  /// Of a left-over one: its last record of metrics, or empty.
  const std::string& last_metrics() const { return last_metrics_; }
  /// Where the files of its artifacts wait.
  std::filesystem::path files() const { return std::filesystem::path(path_) += ".files"; }
  /// Throws sdk::FileError when what the file was given is not in it after all.
  void flush();
  /// Why records are in memory only; empty when they are not. Reported once.
  std::string take_problem();
  std::uint64_t waiting_in_memory() const;

 private:
  void begin();
  void write(std::string& line);
  bool read_line(std::string& line);
  bool read_record(std::string& line);
  void note_damage(std::uint64_t number, std::string_view line);

  mutable std::mutex mutex_;
  std::filesystem::path path_;
  std::string header_;
  FileLock lock_;
  sdk::AppendFile file_;
  std::ifstream reader_;
  std::uint64_t position_ = 0;      // of the next line to read
  std::uint64_t sent_ = 0;          // all up to here
  std::uint64_t unchecked_ = 0;     // lines up to here were left over
  std::deque<std::string> memory_;  // what the disk did not take
  std::deque<Item> again_;          // what is to be read once more
  std::vector<std::string> marks_;
  std::string problem_, last_metrics_, damage_;
  bool problem_told_ = false;
};

}  // namespace trainer::plugins::mlflow
