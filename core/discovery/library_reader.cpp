// SPDX-License-Identifier: Apache-2.0
#include "discovery/library_reader.hpp"

namespace trainer {

void require_library_size(const InputFile& file) {
  if (file.size() > LibraryReader::max_library_size)
    throw_usage(error_id::plugin_file_too_large, file.name() + " has " + std::to_string(file.size()) +
                                                     " bytes, more than the 1 GiB that a plugin may have; strip it, "
                                                     "or link its data from elsewhere");
}

void LibraryReader::refuse(ErrorId id, const std::string& rest) const { throw_usage(id, file_.name() + " " + rest); }

void LibraryReader::damaged(const std::string& rest) const {
  refuse(error_id::plugin_file_damaged, "is damaged: " + rest + "; build it again");
}

void LibraryReader::too_short(std::size_t least) const {
  refuse(error_id::plugin_file_cut_short, "is too short: it has " + std::to_string(file_.size()) +
                                              " bytes, and the header of a shared library alone has " +
                                              std::to_string(least) + "; copy or build it again");
}

void LibraryReader::wrong_machine(const std::string& found, const std::string& expected) const {
  refuse(error_id::plugin_file_machine,
         "is for " + found + ", expected " + expected + "; build the plugin for " + expected);
}

void LibraryReader::require_inside(std::uint64_t offset, std::uint64_t count, std::string_view what) const {
  if (offset <= file_.size() && count <= file_.size() - offset) return;
  const bool sane = offset <= max_library_size && count <= max_library_size;
  refuse(error_id::plugin_file_cut_short, "is cut short: it has " + std::to_string(file_.size()) + " bytes of " +
                                              (sane ? "the " + std::to_string(offset + count) : "many more") +
                                              " that its " + std::string(what) + " needs; copy or build it again");
}

std::string LibraryReader::piece(std::uint64_t offset, std::uint64_t count, std::string_view what) const {
  require_inside(offset, count, what);
  if (count > max_table_size)
    damaged("its " + std::string(what) + " has " + std::to_string(count) + " bytes, more than the " +
            std::to_string(max_table_size) + " that are read");
  return file_.read(offset, count);
}

void LibraryReader::count_text(std::size_t size) {
  if (size > text_left_) damaged("the names in it are longer than its tables of names");
  text_left_ -= size;
}

}  // namespace trainer
