// SPDX-License-Identifier: Apache-2.0
//
// The journal's file: whole lines, marks, and what waits in memory.
#include "shared/mlflow/journal.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <trainer/sdk/path.hpp>

#include "shared/mlflow/record.hpp"

#include "shared/system/clock.hpp"
#include "shared/system/open_directory.hpp"
#include "shared/system/process.hpp"

namespace trainer::plugins::mlflow {

Journal::Journal(const std::filesystem::path& directory, const std::string& name, std::string header)
    : header_(std::move(header)) {
  const std::string stem = name + "-" + std::to_string(milliseconds_now()) + "-" + std::to_string(process_id());
  try {
    sdk::make_directory(directory);
    for (int number = 0;; ++number) {  // two trackers of a program may begin at once
      path_ = directory / sdk::path_of(stem + (number == 0 ? "" : "-" + std::to_string(number)) + ".journal");
      try {
        begin();
        break;
      } catch (const sdk::FileError& error) {
        if (error.code() != EEXIST) throw;
      }
    }
  } catch (const sdk::FileError& error) {
    problem_ = error.what();
  }
}

Journal::Journal(const std::filesystem::path& path, FileLock lock) : path_(path), lock_(std::move(lock)) {
  std::ifstream in(path, std::ios::binary);
  const std::string files_name = sdk::text_of(files().filename());
  std::uint64_t whole = 0;
  std::vector<std::uint64_t> ends;  // of lines
  for (std::string line; std::getline(in, line);) {
    if (in.eof()) break;  // the rest of a line, which a full disk may leave
    whole += line.size() + 1;
    ends.push_back(whole);
    if (header_.empty()) {
      header_ = line;
      position_ = whole;
      continue;
    }
    auto checked = Record::checked(line, files_name);
    const Record::Kind kind = checked ? Record::kind_of(*checked) : Record::Kind::unknown;
    if (kind == Record::Kind::sent) {
      const auto sent = static_cast<std::uint64_t>(Record::read(*checked).position);
      if (std::binary_search(ends.begin(), ends.end() - 1, sent))
        sent_ = sent;
      else
        checked.reset();
    }
    if (!checked)
      note_damage(ends.size(), line);
    else if (kind == Record::Kind::metrics)
      last_metrics_ = std::move(*checked);
    else if (kind != Record::Kind::sent && Record::is_mark(*checked))
      marks_.push_back(std::move(*checked));
  }
  if (Record::kind_of(header_) != Record::Kind::header)
    throw std::runtime_error(sdk::text_of(path) + " is not a journal of this plugin; move it away");
  position_ = std::max(position_, sent_);
  unchecked_ = whole;
  file_ = sdk::AppendFile::open(path);
  if (file_.size() > whole) file_.truncate(whole);
}

/// Says it of the first, so that a file of garbage is one sentence.
void Journal::note_damage(std::uint64_t number, std::string_view line) {
  if (damage_.empty())
    damage_ = sdk::text_of(path_) + ", which an earlier run left, is damaged: line " + std::to_string(number) +
              " and those like it are not records of this plugin and are left out; it begins with \"" +
              std::string(line.substr(0, 80)) + "\"; everything else is sent";
}

std::vector<std::filesystem::path> Journal::left_over(const std::filesystem::path& directory, const std::string& name) {
  std::vector<std::filesystem::path> found;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    const std::string file = sdk::text_of(it->path().filename());
    std::error_code missing;  // a link would have its files elsewhere
    if (file.starts_with(name + "-") && file.ends_with(".journal") &&
        it->symlink_status(missing).type() == std::filesystem::file_type::regular)
      found.push_back(it->path());
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
    file_ = sdk::AppendFile();
    lock_ = FileLock();
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

/// The next line that is to be sent.
bool Journal::read_record(std::string& line) {
  while (read_line(line)) {
    if (position_ <= unchecked_) {
      auto checked = Record::checked(line, sdk::text_of(files().filename()));
      if (!checked) continue;
      line = std::move(*checked);
    }
    if (!Record::is_mark(line)) return true;
  }
  return false;
}

bool Journal::next(Item& item) {
  const std::lock_guard lock(mutex_);
  if (!again_.empty()) {
    item = std::move(again_.front());
    again_.pop_front();
    return true;
  }
  if (read_record(item.line)) {
    item.end = position_;
    return true;
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
  if (std::string line; read_record(line)) {
    position_ = position;
    return false;
  }
  file_ = sdk::AppendFile();  // all that has it open: Windows removes no file that is
  reader_ = std::ifstream();
  lock_ = FileLock();
  marks_.clear();
  unchecked_ = 0;
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
  if (const auto directory = OpenDirectory::open(path_.parent_path()))
    directory->remove(sdk::text_of(files().filename()));
  header_ = std::move(header);
  return true;
}

void Journal::flush() {
  const std::lock_guard lock(mutex_);
  if (file_.is_open()) file_.flush();
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
