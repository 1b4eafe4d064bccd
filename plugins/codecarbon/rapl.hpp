// SPDX-License-Identifier: Apache-2.0
//
// CPU energy from RAPL, the counters in the processor that Linux shows under /sys/class/powercap
// (Intel, and AMD since kernel 5.8). The rules are those of CodeCarbon's core/cpu.py and
// core/rapl.py.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "power.hpp"

namespace trainer::codecarbon {

inline constexpr const char* default_rapl_dir = "/sys/class/powercap/intel-rapl/subsystem";

struct RaplOptions {
  std::filesystem::path dir = default_rapl_dir;
  bool include_dram = false;  // add memory domains that are not part of a package
  bool prefer_psys = false;   // the whole platform instead of the packages
};

/// One counter in uJ that starts again at 0 when it is full.
class RaplDomain {
 public:
  RaplDomain(std::string name, std::filesystem::path dir);

  void start() { last_ = read(); }
  /// uJ since the last call; empty when the counter could not be read or jumped back, in which case
  /// the next interval starts anew.
  std::optional<double> take();

  const std::string& name() const { return name_; }
  const std::filesystem::path& dir() const { return dir_; }
  std::optional<double> last() const { return last_; }

 private:
  std::optional<double> read() const;
  std::string name_;
  std::filesystem::path dir_;
  double range_;  // uJ at which the counter starts again; 0 when unknown
  std::optional<double> last_;
};

class RaplMeter : public Meter {
 public:
  /// Null when there is no readable package or platform domain; a warning says so when it is only a
  /// matter of permission.
  static std::unique_ptr<RaplMeter> open(const RaplOptions& options, const Log& log);

  void start() override;
  double take_joules(double seconds) override;
  const std::vector<RaplDomain>& domains() const { return domains_; }

 private:
  RaplMeter(std::vector<RaplDomain> domains, Log log);
  void settle_mirrors(const std::vector<std::optional<double>>& deltas);

  std::vector<RaplDomain> domains_;
  std::vector<int> mirror_of_;  // index of the domain that this one seems to repeat, or -1
  Log log_;
};

}  // namespace trainer::codecarbon
