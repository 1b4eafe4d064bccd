// SPDX-License-Identifier: Apache-2.0
//
// The journal's file: whole lines, marks, and what waits in memory.
#include "shared/mlflow/journal.hpp"

#include <algorithm>
#include <stdexcept>

#include "shared/mlflow/record.hpp"

#include "shared/system/clock.hpp"
#include "shared/system/process.hpp"

namespace trainer::plugins::mlflow {

Journal::Journal(const std::filesystem::path& directory, const std::string& name, std::string header)
    : header_(std::move(header)) {
  const std::string stem = name + "-" + std::to_string(milliseconds_now()) + "-" + std::to_string(process_id());
  try {
    sdk::make_directory(directory);
    for (int number = 0;; ++number) {  // two trackers of a program may begin at once
      path_ = directory / (stem + (number == 0 ? "" : "-" + std::to_string(number)) + ".journal");
      std::error_code error;
      if (!std::filesystem::exists(path_, error)) break;
    }
    begin();
  } catch (const sdk::FileError& error) {
    problem_ = error.what();
  }
}

Journal::Journal(const std::filesystem::path& path, FileLock lock) : path_(path), lock_(std::move(lock)) {
  std::ifstream in(path, std::ios::binary);
  std::uint64_t whole = 0;
  for (std::string line; std::getline(in, line);) {
    if (in.eof()) break;  // the rest of a line, which a full disk may leave
    whole += line.size() + 1;
    if (header_.empty()) {
      header_ = line;
      position_ = whole;
      continue;
    }
    const Record::Kind kind = Record::kind_of(line);
    if (kind == Record::Kind::sent)
      sent_ = static_cast<std::uint64_t>(Record::read(line).position);
    else if (kind == Record::Kind::metrics)
      last_metrics_ = std::move(line);
    else if (Record::is_mark(line))
      marks_.push_back(line);
  }
  if (Record::kind_of(header_) != Record::Kind::header)
    throw std::runtime_error(path.string() + " is no journal of this plugin; move it away");
  position_ = std::max(position_, std::min(sent_, whole));
  file_ = sdk::AppendFile::open(path);
  if (file_.size() > whole) file_.truncate(whole);
}

std::vector<std::filesystem::path> Journal::left_over(const std::filesystem::path& directory, const std::string& name) {
  std::vector<std::filesystem::path> found;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    const std::string file = it->path().filename().string();
    if (file.starts_with(name + "-") && file.ends_with(".journal")) found.push_back(it->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// Makes the file and writes its header; mutex_ is held, or nobody else knows the object yet.
void Journal::begin() {
  file_ = sdk::AppendFile::create(path_);
  lock_.take(path_);
  reader_ = std::ifstream();
  std::string line = header_ + "\n";
  for (const std::string& mark : marks_) line += mark + "\n";
  try {
    file_.append(line);
  } catch (const sdk::FileError&) {
    file_.close();
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
    throw;
  }
  position_ = sent_ = file_.size();
}

void Journal::write(std::string& line) {
  line += '\n';
  try {
    if (!file_.is_open()) begin();
    file_.append(line);
  } catch (const sdk::FileError& error) {
    if (problem_.empty()) problem_ = error.what();
    line.pop_back();
    memory_.push_back(line);
  }
}

void Journal::append(std::string& line) {
  const std::lock_guard lock(mutex_);
  write(line);
}

/// Only what a whole append has put there.
bool Journal::read_line(std::string& line) {
  if (!file_.is_open() || position_ >= file_.size()) return false;
  if (!reader_.is_open()) reader_.open(path_, std::ios::binary);
  reader_.clear();
  reader_.seekg(static_cast<std::streamoff>(position_));
  if (!std::getline(reader_, line)) return false;
  position_ += line.size() + 1;
  return true;
}

bool Journal::next(Item& item) {
  const std::lock_guard lock(mutex_);
  if (!again_.empty()) {
    item = std::move(again_.front());
    again_.pop_front();
    return true;
  }
  while (read_line(item.line)) {
    item.end = position_;
    if (!Record::is_mark(item.line)) return true;
  }
  if (memory_.empty()) return false;
  item.line = std::move(memory_.front());
  item.end = 0;
  memory_.pop_front();
  return true;
}

void Journal::rewind(std::deque<Item>& unsent) {
  const std::lock_guard lock(mutex_);
  while (!unsent.empty()) {
    again_.push_front(std::move(unsent.back()));
    unsent.pop_back();
  }
}

void Journal::mark(std::string line) {
  const std::lock_guard lock(mutex_);
  if (Record::kind_of(line) != Record::Kind::sent) marks_.push_back(line);
  line += '\n';
  try {
    if (file_.is_open()) file_.append(line);
  } catch (const sdk::FileError&) {
  }
}

void Journal::mark_sent(std::uint64_t end) {
  if (end == 0) return;
  sent_ = std::max(sent_, end);
  mark(Record{.kind = Record::Kind::sent, .position = static_cast<std::int64_t>(sent_)}.to_line());
}

bool Journal::remove_if_done(std::string header) {
  const std::lock_guard lock(mutex_);
  if (!again_.empty() || !memory_.empty()) return false;
  const std::uint64_t position = position_;
  for (std::string line; read_line(line);)
    if (!Record::is_mark(line)) {
      position_ = position;
      return false;
    }
  file_.close();
  lock_ = FileLock();
  marks_.clear();
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
  std::filesystem::remove_all(files(), ignored);
  header_ = std::move(header);
  return true;
}

std::string Journal::take_problem() {
  const std::lock_guard lock(mutex_);
  if (problem_told_ || problem_.empty()) return {};
  problem_told_ = true;
  return problem_;
}

std::uint64_t Journal::waiting_in_memory() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = memory_.size();
  for (const Item& item : again_) count += item.end == 0 ? 1 : 0;
  return count;
}

}  // namespace trainer::plugins::mlflow
