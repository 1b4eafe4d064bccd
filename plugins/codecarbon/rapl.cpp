// SPDX-License-Identifier: Apache-2.0
//
// Finds the counters of RAPL, and counts each energy once.
#include "rapl.hpp"

#include <trainer/host.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <trainer/sdk/path.hpp>

#include "shared/system/files.hpp"
#include "text.hpp"

namespace trainer::codecarbon {
namespace {

namespace fs = std::filesystem;

/// Sub-directories in order of name; none when `dir` cannot be listed.
std::vector<fs::path> directories(const fs::path& dir) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator entry(dir, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code broken;
    if (fs::is_directory(entry->path(), broken)) out.push_back(entry->path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// Directories that hold a counter: */intel-rapl*/*:*, and, when there is none, *:* of `dir`
/// itself.
std::vector<fs::path> find_domains(const fs::path& dir) {
  std::vector<fs::path> bases = {dir, dir.parent_path()};
  if (dir == default_rapl_dir) {
    bases.push_back("/sys/class/powercap");
    bases.push_back("/sys/devices/virtual/powercap");
  }
  std::vector<fs::path> out;
  std::set<fs::path> seen;  // the same directory is reached over several links
  const auto add = [&](const fs::path& domain) {
    std::error_code error;
    const fs::path real = fs::canonical(domain, error);
    if (sdk::text_of(domain.filename()).find(':') != std::string::npos && fs::exists(domain / "energy_uj", error) &&
        seen.insert(real).second)
      out.push_back(real);
  };
  for (const fs::path& base : bases)
    for (const fs::path& provider : directories(base))
      if (starts_with(sdk::text_of(provider.filename()), "intel-rapl"))
        for (const fs::path& domain : directories(provider)) add(domain);
  if (out.empty())
    for (const fs::path& domain : directories(dir)) add(domain);
  return out;
}

std::optional<double> read_number(const fs::path& path, std::error_code& error) {
  const auto text = plugins::read_file(path, error);
  return text ? parse_number(*text) : std::nullopt;
}

bool is_mmio(const fs::path& dir) { return sdk::text_of(dir).find("intel-rapl-mmio") != std::string::npos; }

bool is_top_level(const fs::path& dir) {
  const std::string name = sdk::text_of(dir.filename());
  return std::count(name.begin(), name.end(), ':') == 1;
}

/// Two readings of one counter, taken one after the other, differ by what was used in between: a
/// joule covers some milliseconds at full load.
bool same_counter(double a, double b) {
  constexpr double uj = 1e6, relative = 1e-6;
  return std::abs(a - b) <= std::max(uj, relative * std::max(a, b));
}

}  // namespace

RaplDomain::RaplDomain(std::string name, fs::path dir) : name_(std::move(name)), dir_(std::move(dir)) {
  std::error_code ignored;
  range_ = read_number(dir_ / "max_energy_range_uj", ignored).value_or(0);
}

std::optional<double> RaplDomain::read() const {
  std::error_code ignored;
  return read_number(dir_ / "energy_uj", ignored);
}

std::optional<double> RaplDomain::take() {
  const auto now = read();
  const auto before = last_;
  last_ = now;
  if (!now || !before) return std::nullopt;
  const double delta = *now - *before + (*now < *before ? range_ : 0);
  if (delta < 0) return std::nullopt;
  return delta;
}

RaplMeter::RaplMeter(std::vector<RaplDomain> domains, Log log)
    : domains_(std::move(domains)), mirror_of_(domains_.size(), -1), log_(std::move(log)) {}

std::unique_ptr<RaplMeter> RaplMeter::open(const RaplOptions& options, const Log& log) {
  std::vector<RaplDomain> packages, platform, memory, unnamed;
  fs::path denied;
  for (const fs::path& dir : find_domains(options.dir)) {
    std::error_code error;
    if (!read_number(dir / "energy_uj", error)) {
      if (error == std::errc::permission_denied) denied = dir / "energy_uj";
      continue;
    }
    const std::string name(trim(plugins::read_file(dir / "name", error).value_or("")));
    const std::string lower = to_lower(name);
    // "core" and "uncore" are inside of a package, and so is memory that is not at the top level.
    if (lower.find("package") != std::string::npos) {
      packages.emplace_back(name, dir);
    } else if (lower == "psys") {
      platform.emplace_back(name, dir);
    } else if (lower.find("dram") != std::string::npos) {
      if (is_top_level(dir)) memory.emplace_back(name + " " + sdk::text_of(dir.filename()), dir);
    } else if (name.empty() && is_top_level(dir)) {
      unnamed.emplace_back(sdk::text_of(dir.filename()), dir);
    }
  }
  std::vector<RaplDomain> chosen;
  if (!platform.empty() && (options.prefer_psys || packages.empty())) {
    chosen = std::move(platform);
  } else if (!packages.empty()) {
    chosen = std::move(packages);
    if (options.include_dram) chosen.insert(chosen.end(), memory.begin(), memory.end());
  } else {
    chosen = std::move(unnamed);
  }
  // One name, two interfaces (MSR and MMIO): the counter is the same, and MMIO is the newer one.
  std::vector<RaplDomain> unique;
  for (RaplDomain& domain : chosen) {
    const auto twin = std::find_if(unique.begin(), unique.end(),
                                   [&](const RaplDomain& other) { return other.name() == domain.name(); });
    if (twin == unique.end())
      unique.push_back(std::move(domain));
    else if (is_mmio(domain.dir()) && !is_mmio(twin->dir()))
      *twin = std::move(domain);
  }
  if (unique.empty() && !denied.empty() && log)
    log(TRAINER_LOG_WARNING,
        sdk::text_of(denied) +
            " may not be read, so the CPU's power is estimated from its load; for measured values, "
            "allow it: sudo chmod -R a+r /sys/class/powercap/*");
  if (unique.empty()) return nullptr;
  return std::unique_ptr<RaplMeter>(new RaplMeter(std::move(unique), log));
}

void RaplMeter::start() {
  for (RaplDomain& domain : domains_) domain.start();
  // Some CPUs of several dies show the counter of the package once for each die. Equal counts are
  // left out at first, and for good when they also grow by the same amount.
  for (std::size_t i = 0; i < domains_.size(); ++i) {
    mirror_of_[i] = -1;
    for (std::size_t j = 0; j < i && mirror_of_[i] < 0; ++j) {
      const auto a = domains_[i].last(), b = domains_[j].last();
      if (a && b && *a > 0 && mirror_of_[j] < 0 && same_counter(*a, *b) &&
          to_lower(domains_[i].name()).find("dram") == std::string::npos)
        mirror_of_[i] = static_cast<int>(j);
    }
  }
}

double RaplMeter::take_joules(double) {
  std::vector<std::optional<double>> deltas;
  for (RaplDomain& domain : domains_) deltas.push_back(domain.take());
  settle_mirrors(deltas);
  double uj = 0;
  for (std::size_t i = 0; i < domains_.size(); ++i)
    if (mirror_of_[i] < 0) uj += deltas[i].value_or(0);
  return uj * 1e-6;
}

void RaplMeter::settle_mirrors(const std::vector<std::optional<double>>& deltas) {
  for (std::size_t i = 0; i < domains_.size(); ++i) {
    if (mirror_of_[i] < 0) continue;
    const auto own = deltas[i], other = deltas[static_cast<std::size_t>(mirror_of_[i])];
    if (!own || !other || same_counter(*own, *other)) continue;
    mirror_of_[i] = -1;
    if (log_)
      log_(TRAINER_LOG_INFO, sdk::text_of(domains_[i].dir()) + " is a counter of its own and is measured from now on");
  }
}

}  // namespace trainer::codecarbon
