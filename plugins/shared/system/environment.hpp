// SPDX-License-Identifier: Apache-2.0
//
// What the environment says: variables, and who runs this process on which machine.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace trainer::plugins {

/// An environment variable, empty when unset: everywhere here an empty one says no more than none.
std::string variable(const char* name);
/// Whether any variable begins so, is not empty, and is none of `but`.
bool has_variable(std::string_view prefix, std::initializer_list<std::string_view> but = {});
/// Whether a setting says yes: 1, true, t, yes, y or on in any case, as in W&B and SwanLab.
bool is_true(std::string_view text);

/// Python's os.path.expanduser(): a leading ~ or ~user; left as it is for an unknown user.
std::filesystem::path expand_user(const std::string& path);
std::string user_name();  ///< as Python's getpass.getuser(); "unknown" when there is none

// environment_posix.cpp, environment_windows.cpp

/// For the few whose emptiness says something: nothing when unset.
std::optional<std::string> find_variable(const char* name);

/// All variables by name.
std::map<std::string, std::string> environment();
/// The same for another program: with these values, and without those that are empty here.
std::map<std::string, std::string> environment(const std::map<std::string, std::string>& changed);

/// What the system knows of a user, of the current one for ""; empty when it knows nothing.
struct Account {
  std::string name, home;
};
Account account(const std::string& user);

/// A user's home directory, the current user's for "": as Python has it, HOME even when it is empty (then /), on
/// Windows USERPROFILE, else what the system knows of the user; empty when that is nothing.
std::string home_directory(const std::string& user = "");

std::string host_name();  ///< as Python's socket.gethostname(); "localhost" when it cannot be had

}  // namespace trainer::plugins
