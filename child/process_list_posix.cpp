// SPDX-License-Identifier: Apache-2.0
#include "child/process_list.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace trainer::child {
namespace {

int open_of(pid_t process, const char* name) {
  return ::open(("/proc/" + std::to_string(process) + name).c_str(), O_RDONLY | O_CLOEXEC);
}

}  // namespace

std::vector<ListedProcess> list_processes() {
  std::vector<ListedProcess> out;
  DIR* all = ::opendir("/proc");
  if (!all) return out;
  while (const dirent* entry = ::readdir(all)) {
    const auto id = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (id <= 0) continue;
    const int file = open_of(id, "/stat");
    if (file < 0) continue;
    char text[512] = {};
    const ssize_t size = ::read(file, text, sizeof text - 1);
    ::close(file);
    // "PID (name) STATE PARENT GROUP SESSION": the name may hold anything.
    const char* after = size > 0 ? std::strrchr(text, ')') : nullptr;
    int parent = 0, session = 0;
    char state = 0;
    if (after && std::sscanf(after, ") %c %d %*d %d", &state, &parent, &session) == 3)
      out.push_back({id, parent, session, state == 'Z'});
  }
  ::closedir(all);
  return out;
}

bool has_variable(pid_t process, std::string_view variable) {
  const int file = open_of(process, "/environ");
  if (file < 0) return false;
  std::string all(1, '\0');
  char text[4096];
  for (ssize_t size; (size = ::read(file, text, sizeof text)) > 0;) all.append(text, static_cast<std::size_t>(size));
  ::close(file);
  return all.find(std::string(1, '\0').append(variable).append(1, '\0')) != all.npos;
}

}  // namespace trainer::child
