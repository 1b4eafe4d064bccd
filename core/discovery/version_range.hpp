// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trainer {

/// Dotted numbers and perhaps a pre-release, "1.2.0-rc.1", in the order of semver.org; numbers that are missing count
/// as 0, and what follows a '+' counts for nothing.
class Version {
 public:
  static std::optional<Version> parse(std::string_view text);  ///< nothing for a text of another form

  bool is_pre_release() const { return !pre_release_.empty(); }
  /// Whether its numbers begin with those of the other: 1.2.7 with 1.2.
  bool begins_with(const Version& other) const;
  bool same_numbers(const Version& other) const;

  std::strong_ordering operator<=>(const Version& other) const;
  bool operator==(const Version& other) const { return (*this <=> other) == 0; }

 private:
  std::vector<std::string> numbers_, pre_release_;  // digits without zeros before them: of any size
};

/// The versions of a plugin that a run takes: "1.2" (1.2.7 too, not 1.3), "==1.2", ">=1.2,<2". "<2" takes no
/// pre-release of 2.
class VersionRange {
 public:
  VersionRange() = default;  ///< all

  /// A usage Error, which begins with `where`, for a text of another form.
  static VersionRange parse(std::string_view text, std::string_view where);

  bool takes_all() const { return terms_.empty(); }
  /// A version of another form than Version's is in no range but that of all.
  bool takes(std::string_view version) const;

 private:
  enum class Is { like, equal, less, at_most, more, at_least };
  struct Term {
    Is is;
    Version than;
  };
  std::vector<Term> terms_;
};

/// How a run names a plugin or a tracker: "monitor", or with the versions that it takes, "monitor@>=1.2".
struct PluginName {
  std::string name;  ///< without the versions
  VersionRange versions{};
  std::string text{};  ///< as it was given

  static PluginName parse(std::string_view text, std::string_view where);
};

}  // namespace trainer
