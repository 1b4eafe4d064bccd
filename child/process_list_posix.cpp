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

std::vector<ListedProcess> list_processes() {
  std::vector<ListedProcess> out;
  DIR* all = ::opendir("/proc");
  if (!all) return out;
  while (const dirent* entry = ::readdir(all)) {
    const auto id = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (id <= 0) continue;
    const int file = ::open(("/proc/" + std::string(entry->d_name) + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
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

}  // namespace trainer::child
