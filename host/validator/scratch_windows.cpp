// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include "trainer/error.hpp"
#include "validator/scratch.hpp"

namespace trainer::validator {

std::filesystem::path make_scratch_directory() {
  static unsigned number = 0;
  const auto path = std::filesystem::temp_directory_path() /
                    ("trainer_validate." + std::to_string(::GetCurrentProcessId()) + "." + std::to_string(++number));
  std::error_code error;
  if (!std::filesystem::create_directory(path, error))
    throw_run(error_id::directory_unusable,
              path.string() + " could not be made: " + (error ? error.message() : "something of that name is there") +
                  "; set TEMP to a writable directory");
  return path;
}

std::vector<std::string> worker_environment(const std::string& scratch) {
  std::vector<std::string> out{"http_proxy=http://127.0.0.1:9", "https_proxy=http://127.0.0.1:9"};
  for (const char* name : {"LOCALAPPDATA", "APPDATA", "USERPROFILE", "TEMP", "TMP"})
    out.push_back(name + ("=" + scratch));
  // Without the first no library of the system's is found.
  for (const wchar_t* name : {L"SystemRoot", L"SystemDrive", L"PATH", L"COMSPEC", L"PATHEXT", L"WINEDEBUG"})
    if (const auto value = windows::variable(name); !value.empty()) out.push_back(windows::narrow(name) + "=" + value);
  return out;
}

}  // namespace trainer::validator
