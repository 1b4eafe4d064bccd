// SPDX-License-Identifier: Apache-2.0
//
// The codecarbon plugin: its formulas, its sources of figures, its file, and the callback behind a
// host of our own. Counters of RAPL are files in a temporary directory; NVML is a library compiled
// here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <trainer/plugin.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "plugins/codecarbon/carbon_intensity.hpp"
#include "plugins/codecarbon/emissions_file.hpp"
#include "plugins/codecarbon/machine.hpp"
#include "plugins/codecarbon/nvml.hpp"
#include "plugins/codecarbon/power.hpp"
#include "plugins/codecarbon/rapl.hpp"
#include "plugins/codecarbon/settings.hpp"
#include "plugins/codecarbon/text.hpp"
#include "plugins/codecarbon/tracker.hpp"
#include "plugins/shared/csv_text/csv_text.hpp"
#include "plugins/shared/system/machine.hpp"
#include "plugins/shared/system/random_id.hpp"
#include "support/fake_nvml.hpp"
#include "support/plugin_builder.hpp"
#include "trainer/sdk/repr.hpp"

TRAINER_EXTERN_C const trainer_plugin* TRAINER_CALL trainer_plugin_entry(void);

namespace trainer::codecarbon {
namespace {

using plugin_builder::read;
using plugin_builder::TemporaryDirectory;
using plugin_builder::write;
using plugins::cpu_times;
using plugins::uuid4;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

/// Collects the log; `level` 0 is every level.
struct Lines {
  std::vector<std::pair<std::uint32_t, std::string>> all;
  Log log() {
    return [this](std::uint32_t level, const std::string& text) { all.emplace_back(level, text); };
  }
  std::string of(std::uint32_t level) const {
    std::string out;
    for (const auto& [at, text] : all)
      if (level == 0 || at == level) out += text + '\n';
    return out;
  }
};

std::string python_repr(double value) { return sdk::repr(value); }

std::string csv_field(std::string_view text) {
  std::string field;
  plugins::csv_text::append_text_cell(field, text);
  return field;
}

std::vector<std::string> csv_fields(std::string_view line) { return plugins::csv_text::split_row(line); }

std::vector<std::map<std::string, std::string>> rows_of(const fs::path& file) {
  std::istringstream lines(read(file));
  std::string line;
  std::getline(lines, line);
  const auto header = csv_fields(line);
  std::vector<std::map<std::string, std::string>> rows;
  while (std::getline(lines, line)) {
    const auto fields = csv_fields(line);
    EXPECT_EQ(fields.size(), header.size()) << line;
    auto& row = rows.emplace_back();
    for (std::size_t i = 0; i < std::min(fields.size(), header.size()); ++i) row[header[i]] = fields[i];
  }
  return rows;
}

double number(const std::map<std::string, std::string>& row, const std::string& column) {
  return parse_number(row.at(column)).value();
}

void expect_identities(const std::map<std::string, std::string>& row, double g_per_kwh) {
  const double kwh = number(row, "energy_consumed");
  EXPECT_DOUBLE_EQ(kwh, number(row, "cpu_energy") + number(row, "gpu_energy") + number(row, "ram_energy"));
  EXPECT_DOUBLE_EQ(number(row, "emissions"), kwh * g_per_kwh / 1000);
  EXPECT_DOUBLE_EQ(number(row, "emissions_rate"), number(row, "emissions") / number(row, "duration"));
  EXPECT_NEAR(number(row, "ram_energy") / (number(row, "ram_power") * number(row, "duration") / joules_per_kwh), 1,
              1e-9);
  EXPECT_DOUBLE_EQ(number(row, "water_consumed"), kwh * number(row, "wue"));
}

TEST(CodeCarbonText, NumbersAsPythonWritesThem) {
  const std::vector<std::pair<double, std::string>> cases = {{0, "0.0"},
                                                             {1, "1.0"},
                                                             {-2.5, "-2.5"},
                                                             {0.1, "0.1"},
                                                             {1e-4, "0.0001"},
                                                             {9.9e-5, "9.9e-05"},
                                                             {7.532610168810846e-08, "7.532610168810846e-08"},
                                                             {123456789012345.0, "123456789012345.0"},
                                                             {1e15, "1000000000000000.0"},
                                                             {1e16, "1e+16"},
                                                             {23.54016876220703, "23.54016876220703"}};
  for (const auto& [value, text] : cases) EXPECT_EQ(python_repr(value), text);
}

TEST(CodeCarbonText, CsvFieldsComeBack) {
  for (const std::string text : {"plain", "a,b", "say \"hi\"", ""})
    EXPECT_THAT(csv_fields(csv_field(text)), ElementsAre(text));
  EXPECT_EQ(csv_field("a b"), "a b");
  EXPECT_EQ(csv_field("1 x A, 1 x B"), "\"1 x A, 1 x B\"");
  EXPECT_EQ(json_string("a\"\\\n"), "\"a\\\"\\\\\\u000a\"");
}

TEST(CodeCarbonPower, CpuByTheCubeOfTheLoad) {
  EXPECT_DOUBLE_EQ(cpu_load_power(100, 0), 10);
  EXPECT_DOUBLE_EQ(cpu_load_power(100, 0.5), 100 * (0.1 + 0.9 * 0.125));
  EXPECT_DOUBLE_EQ(cpu_load_power(100, 1), 100);
  LoadMeter meter(50);
  meter.start();
  meter.sample(1, 0);
  meter.sample(3, 1);
  EXPECT_DOUBLE_EQ(meter.take_joules(4), 5 * 1 + 50 * 3);
  EXPECT_DOUBLE_EQ(meter.take_joules(0), 0);
}

TEST(CodeCarbonPower, RamByModules) {
  const std::vector<std::pair<double, int>> modules = {{1, 1},  {2, 1},   {4, 2},   {16, 2},  {24, 4},
                                                       {64, 4}, {128, 8}, {129, 9}, {512, 8}, {1024, 8}};
  for (const auto& [gb, count] : modules) EXPECT_EQ(estimate_dimm_count(gb), count) << gb;
  EXPECT_EQ(estimate_dimm_count(1e6), 32);
  EXPECT_DOUBLE_EQ(ram_power(1, false), 10);
  EXPECT_DOUBLE_EQ(ram_power(24, false), 20);
  EXPECT_DOUBLE_EQ(ram_power(1024, false), 38);
  EXPECT_DOUBLE_EQ(ram_power(2048, false), 5 * (4 + 4 * 0.9 + 8 * 0.8));  // 16 x 128 GB
  EXPECT_DOUBLE_EQ(ram_power(1e6, false), 5 * (4 + 4 * 0.9 + 8 * 0.8 + 16 * 0.7));
  EXPECT_DOUBLE_EQ(ram_power(2, true), 3);
  EXPECT_DOUBLE_EQ(ram_power(24, true), 6);
}

TEST(CodeCarbonPower, TdpByBrand) {
  EXPECT_EQ(find_tdp("AMD EPYC 7763 64-Core Processor"), 280);
  EXPECT_EQ(find_tdp("Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz"), 150);
  EXPECT_EQ(find_tdp("Intel(R) Xeon(R) CPU E5-2690 v4 @ 2.60GHz"), 135);
  EXPECT_EQ(find_tdp("13th Gen Intel(R) Core(TM) i7-13700K"), 125);
  EXPECT_EQ(find_tdp("AMD Ryzen 9 7950X 16-Core Processor"), 170);
  EXPECT_EQ(find_tdp("Apple M2 Max"), 50);
  EXPECT_EQ(find_tdp("Apple M2"), 22);
  EXPECT_EQ(find_tdp("Neoverse-N1"), 110);
  // Alike, but another CPU.
  EXPECT_EQ(find_tdp("Intel(R) Xeon(R) CPU E5-2670 v6 @ 2.60GHz"), std::nullopt);
  EXPECT_EQ(find_tdp("AMD EPYC"), std::nullopt);
  EXPECT_EQ(find_tdp(""), std::nullopt);
}

TEST(CodeCarbonPower, TdpOfTheMachine) {
  EXPECT_EQ(machine_tdp(42.5, "AMD EPYC 7763", 256, 2).watts, 42.5);
  EXPECT_EQ(machine_tdp(std::nullopt, "AMD EPYC 7763 64-Core Processor", 256, 2).watts, 560);
  EXPECT_EQ(machine_tdp(std::nullopt, "AMD EPYC", 2, 1).watts, 8);
  EXPECT_EQ(machine_tdp(std::nullopt, "AMD EPYC", 64, 2).watts, 256);
  EXPECT_EQ(machine_tdp(std::nullopt, "", 0, 1).watts, 85);
}

class CodeCarbonRapl : public ::testing::Test {
 protected:
  /// intel-rapl/intel-rapl:0 and the like, below the root.
  void domain(const std::string& path, const std::string& name, double uj) {
    const fs::path dir = root / path;
    fs::create_directories(dir);
    write(dir / "name", name + "\n");
    write(dir / "max_energy_range_uj", "262143328850\n");
    set(path, uj);
  }
  void set(const std::string& path, double uj) {
    write(root / path / "energy_uj", std::to_string(static_cast<long long>(uj)) + "\n");
  }
  std::unique_ptr<RaplMeter> open(bool dram = false, bool psys = false) {
    auto meter = RaplMeter::open({root, dram, psys}, lines.log());
    if (meter) meter->start();
    return meter;
  }

  TemporaryDirectory directory;
  const fs::path root = directory.path() / "powercap";
  Lines lines;
};

TEST_F(CodeCarbonRapl, SumsThePackagesOnly) {
  domain("intel-rapl/intel-rapl:0", "package-0", 1e9);
  domain("intel-rapl/intel-rapl:1", "package-1", 5e9);
  domain("intel-rapl/intel-rapl:0/intel-rapl:0:0", "core", 100);
  domain("intel-rapl/intel-rapl:0/intel-rapl:0:1", "dram", 100);
  domain("intel-rapl/intel-rapl:2", "psys", 100);
  const auto meter = open();
  ASSERT_TRUE(meter);
  ASSERT_EQ(meter->domains().size(), 2u);
  set("intel-rapl/intel-rapl:0", 1e9 + 3e6);
  set("intel-rapl/intel-rapl:1", 5e9 + 4e6);
  set("intel-rapl/intel-rapl:0/intel-rapl:0:0", 1e12);
  EXPECT_DOUBLE_EQ(meter->take_joules(1), 7);
  EXPECT_DOUBLE_EQ(meter->take_joules(1), 0);
}

TEST_F(CodeCarbonRapl, CountsOnWhenACounterIsFull) {
  domain("intel-rapl/intel-rapl:0", "package-0", 262143328850.0 - 2e6);
  const auto meter = open();
  set("intel-rapl/intel-rapl:0", 3e6);
  EXPECT_DOUBLE_EQ(meter->take_joules(1), 5);
}

TEST_F(CodeCarbonRapl, AJumpBackWithoutARangeIsLeftOut) {
  domain("intel-rapl/intel-rapl:0", "package-0", 9e6);
  fs::remove(root / "intel-rapl/intel-rapl:0/max_energy_range_uj");
  const auto meter = open();
  set("intel-rapl/intel-rapl:0", 1e6);
  EXPECT_DOUBLE_EQ(meter->take_joules(1), 0);
  set("intel-rapl/intel-rapl:0", 3e6);
  EXPECT_DOUBLE_EQ(meter->take_joules(1), 2);
}

TEST_F(CodeCarbonRapl, PrefersMmioOfTheSameName) {
  domain("intel-rapl-mmio/intel-rapl-mmio:0", "package-0", 7e9);
  domain("intel-rapl/intel-rapl:0", "package-0", 1e9);
  const auto meter = open();
  ASSERT_EQ(meter->domains().size(), 1u);
  EXPECT_THAT(meter->domains()[0].dir().string(), HasSubstr("mmio"));
}

TEST_F(CodeCarbonRapl, MemoryAtTheTopLevelOnRequest) {
  domain("intel-rapl/intel-rapl:0", "package-0", 1e9);
  domain("intel-rapl/intel-rapl:0/intel-rapl:0:1", "dram", 2e9);
  domain("intel-rapl/intel-rapl:1", "dram", 3e9);
  EXPECT_EQ(open()->domains().size(), 1u);
  const auto meter = open(true);
  ASSERT_EQ(meter->domains().size(), 2u);
  set("intel-rapl/intel-rapl:1", 3e9 + 2e6);
  EXPECT_DOUBLE_EQ(meter->take_joules(1), 2);
}

TEST_F(CodeCarbonRapl, PlatformOnRequestOrWithoutPackages) {
  domain("intel-rapl/intel-rapl:0", "psys", 1e9);
  EXPECT_EQ(open()->domains()[0].name(), "psys");
  domain("intel-rapl/intel-rapl:1", "package-0", 2e9);
  EXPECT_EQ(open()->domains()[0].name(), "package-0");
  EXPECT_EQ(open(false, true)->domains()[0].name(), "psys");
}

TEST_F(CodeCarbonRapl, CountersDirectlyInTheDirectory) {
  domain("intel-rapl:0", "package-0", 1e9);
  ASSERT_TRUE(open());
}

TEST_F(CodeCarbonRapl, NothingReadableIsNoMeter) {
  EXPECT_FALSE(open());
  domain("intel-rapl/intel-rapl:0", "package-0", 1e9);
  write(root / "intel-rapl/intel-rapl:0/energy_uj", "garbage\n");
  EXPECT_FALSE(open());
}

TEST_F(CodeCarbonRapl, OneCounterShownForEachDieCountsOnce) {
  domain("intel-rapl/intel-rapl:0", "package-0-die-0", 1e9);
  domain("intel-rapl/intel-rapl:1", "package-0-die-1", 1e9 + 100);
  const auto meter = open();
  set("intel-rapl/intel-rapl:0", 1e9 + 50e6);
  set("intel-rapl/intel-rapl:1", 1e9 + 50e6 + 100);
  EXPECT_DOUBLE_EQ(meter->take_joules(1), 50);
  // It grows in a way of its own: a meter after all.
  set("intel-rapl/intel-rapl:0", 1e9 + 60e6);
  set("intel-rapl/intel-rapl:1", 1e9 + 80e6 + 100);
  EXPECT_DOUBLE_EQ(meter->take_joules(1), 40);
}

TEST(CodeCarbonNvml, ReadsTheEnergyCountersOfALibrary) {
  const TemporaryDirectory directory;
  const std::string library = plugin_builder::compile(directory.path() / "libnvidia-ml.so.1", test::fake_nvml);
  const auto all = NvmlMeter::open(std::nullopt, std::nullopt, nullptr, library.c_str());
  ASSERT_TRUE(all);
  EXPECT_EQ(all->count(), 2);
  EXPECT_EQ(all->model(), "2 x Fake GPU");
  EXPECT_TRUE(all->has_energy_counter());
  all->sample(1, 0);
  EXPECT_DOUBLE_EQ(all->utilization(), 50);
  EXPECT_DOUBLE_EQ(all->take_joules(1), 1000 + 2000);
  const auto second = NvmlMeter::open("1", "0", nullptr, library.c_str());
  ASSERT_TRUE(second);
  EXPECT_EQ(second->count(), 1);
  EXPECT_DOUBLE_EQ(second->take_joules(1), 2000);
  EXPECT_FALSE(NvmlMeter::open(std::nullopt, "", nullptr, library.c_str()));
}

TEST(CodeCarbonNvml, AbsentIsNoMoreThanADebugLine) {
  Lines lines;
  EXPECT_FALSE(NvmlMeter::open(std::nullopt, std::nullopt, lines.log(), "libno-such-nvml.so.1"));
  EXPECT_THAT(lines.of(TRAINER_LOG_DEBUG), HasSubstr("libno-such-nvml.so.1"));
  EXPECT_EQ(lines.all.size(), 1u);
}

TEST(CodeCarbonNvml, PowerStandsInForAMissingCounter) {
  plugins::NvmlApi api{};
  api.init = api.shutdown = [] { return 0; };
  api.device_count = [](unsigned* count) { return *count = 1, 0; };
  api.device = [](unsigned, void** device) { return *device = device, 0; };
  api.name = api.uuid = [](void*, char*, unsigned) { return 3; };
  api.total_energy = [](void*, unsigned long long*) { return 3; };  // NVML_ERROR_NOT_SUPPORTED
  api.power = [](void*, unsigned* milliwatts) { return *milliwatts = 50000, 0; };
  api.utilization = [](void*, plugins::NvmlUtilization*) { return 3; };
  const auto meter = NvmlMeter::open(api, std::nullopt, std::nullopt, nullptr);
  ASSERT_TRUE(meter);
  EXPECT_EQ(meter->model(), "1 x Unknown GPU");
  EXPECT_FALSE(meter->has_energy_counter());
  meter->sample(2, 0);
  meter->sample(1, 0);
  EXPECT_DOUBLE_EQ(meter->take_joules(3), 150);
  EXPECT_DOUBLE_EQ(meter->take_joules(0), 0);
}

TEST(CodeCarbonNvml, SelectsByIndexAndUuid) {
  const std::vector<std::string> uuids = {"GPU-aa11", "GPU-bb22", "GPU-bb33"};
  Lines lines;
  const auto select = [&](std::optional<std::string> ids, std::optional<std::string> visible) {
    return select_gpus(ids, visible, uuids, lines.log());
  };
  EXPECT_THAT(select(std::nullopt, std::nullopt), ElementsAre(0u, 1u, 2u));
  EXPECT_THAT(select(std::nullopt, "2, 0"), ElementsAre(0u, 2u));
  EXPECT_THAT(select("1", "2"), ElementsAre(1u));
  EXPECT_THAT(select("[0, \"GPU-bb3\"]", std::nullopt), ElementsAre(0u, 2u));
  EXPECT_THAT(select(std::nullopt, "MIG-GPU-aa11/1/0"), ElementsAre(0u));
  EXPECT_THAT(select(std::nullopt, ""), IsEmpty());
  EXPECT_THAT(select(std::nullopt, "-1"), IsEmpty());
  EXPECT_THAT(lines.all, IsEmpty());
  EXPECT_THAT(select(std::nullopt, "0,7,1"), ElementsAre(0u));
  EXPECT_THAT(lines.of(TRAINER_LOG_WARNING), HasSubstr("CUDA_VISIBLE_DEVICES names"));
  lines.all.clear();
  EXPECT_THAT(select("0,7,1", std::nullopt), ElementsAre(0u, 1u));
  EXPECT_THAT(lines.of(TRAINER_LOG_WARNING), HasSubstr("\"7\""));
}

TEST(CodeCarbonCountries, FactorByCode) {
  ASSERT_NE(find_country("FRA"), nullptr);
  EXPECT_DOUBLE_EQ(find_country("FRA")->g_co2e_per_kwh, 56.039);
  EXPECT_STREQ(find_country("FRA")->name, "France");
  EXPECT_DOUBLE_EQ(find_country("USA")->g_co2e_per_kwh, 369.473);
  for (const char* first_and_last : {"ABW", "ZWE"}) EXPECT_NE(find_country(first_and_last), nullptr);
  for (const char* none : {"", "fra", "XXX", "ZZZ", "AAA"}) EXPECT_EQ(find_country(none), nullptr);
}

TEST(CodeCarbonSettings, IniAsConfigparserReadsIt) {
  const TemporaryDirectory directory;
  const fs::path file = directory.path() / ".codecarbon.config";
  write(file,
        "; a comment\n"
        "[DEFAULT]\nregion = Bavaria\nPUE: 1.5\n"
        "[other]\nproject_name = not this\n"
        "[codecarbon]\n"
        "Project_Name = my = project\n"
        "# another\n"
        "country_iso_code: deu\n"
        "pue = 1.2\n"
        "experiment_id = one\n  two\n"
        "nonsense\n");
  Lines lines;
  const Layer layer = read_ini(file, lines.log());
  EXPECT_EQ(layer.values.at("project_name"), "my = project");
  EXPECT_EQ(layer.values.at("country_iso_code"), "deu");
  EXPECT_EQ(layer.values.at("region"), "Bavaria");
  EXPECT_EQ(layer.values.at("pue"), "1.2");
  EXPECT_EQ(layer.values.at("experiment_id"), "one\ntwo");
  EXPECT_EQ(layer.values.size(), 5u);
  EXPECT_THAT(lines.of(TRAINER_LOG_WARNING), HasSubstr("line 14: \"nonsense\""));
  EXPECT_THAT(read_ini(directory.path() / "none", nullptr).values, IsEmpty());
}

TEST(CodeCarbonSettings, LaterLayersWin) {
  const Layer home{"home", {{"project_name", "home"}, {"region", "Home"}, {"wue", "0.5"}}};
  const Layer here{"here", {{"project_name", "here"}, {"region", "Here"}}};
  const Layer environment =
      read_environment({{"CODECARBON_PROJECT_NAME", "env"}, {"codecarbon_save_to_file", "False"}, {"PATH", "/bin"}});
  const Layer given{"given", {{"country_iso_code", "fra"}}};
  const Settings settings = resolve({home, here, environment}, given, nullptr);
  EXPECT_EQ(settings.project_name, "env");
  EXPECT_EQ(settings.region, "here");
  EXPECT_EQ(settings.wue, 0.5);
  EXPECT_FALSE(settings.save_to_file);
  EXPECT_EQ(settings.country_iso_code, "FRA");
  EXPECT_EQ(resolve({home}, {"given", {{"project_name", "given"}}}, nullptr).project_name, "given");
  EXPECT_EQ(settings.experiment_id, "5b0fa12a-3dd7-45bb-9766-cc326314d9f1");
  EXPECT_EQ(settings.measure_power_secs, 15);
}

TEST(CodeCarbonSettings, EveryNameIsTaken) {
  std::map<std::string, std::string> values;
  for (const std::string& name : setting_names()) values[name] = "2";
  for (const char* flag : {"force_mode_cpu_load", "rapl_include_dram", "rapl_prefer_psys", "save_to_file"})
    values[flag] = "true";
  values["country_iso_code"] = "USA";
  Lines lines;
  const Settings settings = resolve({}, {"given", values}, lines.log());
  EXPECT_EQ(settings.force_cpu_power, 2);
  EXPECT_EQ(settings.force_ram_power, 2);
  EXPECT_EQ(settings.force_carbon_intensity_g_co2e_kwh, 2);
  EXPECT_EQ(settings.gpu_ids, "2");
  EXPECT_TRUE(settings.rapl_prefer_psys);
  EXPECT_THAT(lines.all, IsEmpty());
}

TEST(CodeCarbonSettings, WhatMakesNoSense) {
  Lines lines;
  const Layer file{"file", {{"pue", "many"}, {"api_key", "secret"}, {"tracking_mode", "process"}}};
  EXPECT_EQ(resolve({file}, {"given", {}}, lines.log()).pue, 1);
  EXPECT_THAT(lines.of(TRAINER_LOG_WARNING), HasSubstr("file: pue is \"many\""));
  EXPECT_THAT(lines.of(TRAINER_LOG_WARNING), HasSubstr("only machine is supported"));
  EXPECT_THAT(lines.of(TRAINER_LOG_DEBUG), HasSubstr("api_key"));
  EXPECT_THAT(lines.of(0), ::testing::Not(HasSubstr("secret")));
  for (const auto& [name, value] : std::map<std::string, std::string>{{"pue", "0.9"},
                                                                      {"measure_power_secs", "0"},
                                                                      {"force_cpu_power", "-1"},
                                                                      {"country_iso_code", "FR"},
                                                                      {"output_file", "a/b.csv"},
                                                                      {"no_such", "1"}})
    EXPECT_THROW(resolve({}, {"given", {{name, value}}}, nullptr), std::invalid_argument) << name;
}

class CodeCarbonFile : public ::testing::Test {
 protected:
  static Row row(const std::string& run) {
    Row out;
    for (const std::string& column : emissions_columns()) out.emplace_back(column, column == "run_id" ? run : "x");
    return out;
  }
  TemporaryDirectory directory;
  const fs::path file = directory.path() / "emissions.csv";
  Lines lines;
};

TEST_F(CodeCarbonFile, HeaderOnceThenRows) {
  append_row(file, row("one"), lines.log());
  append_row(file, row("two"), lines.log());
  ASSERT_EQ(rows_of(file).size(), 2u);
  EXPECT_EQ(rows_of(file)[0].at("run_id"), "one");
  EXPECT_EQ(rows_of(file)[1].at("run_id"), "two");
  EXPECT_EQ(rows_of(file)[0].size(), 38u);
  EXPECT_THAT(lines.all, IsEmpty());
}

TEST_F(CodeCarbonFile, AnotherOrderOfTheColumnsIsKept) {
  std::string header;
  for (auto column = emissions_columns().rbegin(); column != emissions_columns().rend(); ++column)
    header += (header.empty() ? "" : ",") + *column;
  write(file, "\xEF\xBB\xBF" + header + "\r\n" + std::string(37, ','));  // and no line end
  append_row(file, row("two"), lines.log());
  const std::string bytes = read(file);
  EXPECT_THAT(bytes, HasSubstr(std::string(37, ',') + "\nx,x,x,"));
  EXPECT_THAT(bytes, ::testing::EndsWith("x,two,x,x\n"));
}

TEST_F(CodeCarbonFile, OtherColumnsAreSetAside) {
  for (const char* old : {"a,b\n1,2\n", "c\n3\n", "d\n4\n"}) {
    write(file, old);
    append_row(file, row("new"), lines.log());
    EXPECT_EQ(rows_of(file).size(), 1u);
  }
  EXPECT_EQ(read(file.string() + ".bak"), "a,b\n1,2\n");
  EXPECT_EQ(read(file.string() + "_0.bak"), "c\n3\n");
  EXPECT_EQ(read(file.string() + "_1.bak"), "d\n4\n");
  EXPECT_THAT(lines.of(TRAINER_LOG_WARNING), HasSubstr("emissions.csv_1.bak"));
}

TEST_F(CodeCarbonFile, RunsAtOnceHaveARowEach) {
  write(file, "a,b\n1,2\n");  // which one of them sets aside
  std::vector<std::thread> runs;
  for (int run = 0; run < 8; ++run)
    runs.emplace_back([&, run] {
      for (int i = 0; i < 5; ++i) append_row(file, row(std::to_string(10 * run + i)), nullptr);
    });
  for (std::thread& run : runs) run.join();
  std::set<std::string> found;
  for (const auto& one : rows_of(file)) found.insert(one.at("run_id"));
  EXPECT_EQ(found.size(), 40u);
  EXPECT_EQ(read(file.string() + ".bak"), "a,b\n1,2\n");
}

TEST_F(CodeCarbonFile, AnEmptyFileIsANewOne) {
  write(file, "");
  append_row(file, row("one"), lines.log());
  EXPECT_EQ(rows_of(file).size(), 1u);
}

TEST_F(CodeCarbonFile, AFullDiskLeavesTheOldRows) {
  append_row(file, row("one"), lines.log());
  const std::string before = read(file);
  // A limit on the size of files ends a write in the middle, as a full disk does.
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit tight = old;
  tight.rlim_cur = before.size() + 10;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  std::string sentence;
  try {
    append_row(file, row("two"), lines.log());
  } catch (const std::runtime_error& e) {
    sentence = e.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(sentence, HasSubstr("could not be written: File too large"));
  EXPECT_EQ(read(file), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory.path()), fs::directory_iterator()), 1);
}

TEST_F(CodeCarbonFile, ADirectoryInItsPlaceIsNamed) {
  fs::create_directory(file);
  try {
    append_row(file, row("one"), lines.log());
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(), HasSubstr(file.string() + " could not be read"));
  }
}

TEST(CodeCarbonSystem, KnowsThisMachine) {
  const auto machine = codecarbon::machine();
  EXPECT_GE(machine.threads, 1);
  EXPECT_GE(machine.sockets, 1);
  EXPECT_THAT(machine.os, ::testing::StartsWith("Linux-"));
  EXPECT_GT(memory().total_gb, memory().used_gb);
  ASSERT_TRUE(cpu_times());
  EXPECT_LE(cpu_times()->busy, cpu_times()->total);
  EXPECT_THAT(uuid4(), ::testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                                               "[0-9a-f]{12}"));
  EXPECT_NE(uuid4(), uuid4());
}

TEST_F(CodeCarbonRapl, AWholeMeasurement) {
  domain("intel-rapl/intel-rapl:0", "package-0", 1e9);
  Settings settings;
  settings.rapl_dir = root.string();
  settings.pue = 1.5;
  settings.wue = 2;
  settings.force_ram_power = 30;
  settings.country_iso_code = "FRA";
  settings.gpu_ids = "none";
  settings.measure_power_secs = 0.1;
  Tracker tracker(settings, lines.log());
  EXPECT_THAT(tracker.methods_line(), HasSubstr("CPU: RAPL: package-0; RAM: 30.0 W"));
  EXPECT_THAT(tracker.methods_line(), HasSubstr("France 2023"));
  tracker.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(250));
  set("intel-rapl/intel-rapl:0", 1e9 + 36e6);
  const Measurement measurement = tracker.stop();
  EXPECT_DOUBLE_EQ(measurement.cpu_kwh, 36 * 1.5 / 3.6e6);
  EXPECT_DOUBLE_EQ(measurement.ram_watts, 45);
  EXPECT_GE(measurement.seconds, 0.25);

  const fs::path file = directory.path() / "emissions.csv";
  append_row(file, tracker.row(measurement), nullptr);
  const auto row = rows_of(file).at(0);
  expect_identities(row, 56.039);
  EXPECT_EQ(row.at("country_name"), "France");
  EXPECT_EQ(row.at("gpu_count"), "0");
  EXPECT_EQ(row.at("pue"), "1.5");
}

using ConfigValue = std::variant<std::monostate, bool, double, std::string>;

/// A host with a configuration and an output_dir, and nothing else.
struct FakeHost {
  FakeHost() {
    table.struct_size = sizeof table;
    table.data = this;
    table.log = [](const trainer_host* host, std::uint32_t level, const char* text, std::uint64_t size) {
      of(host).lines.all.emplace_back(level, std::string(text, size));
    };
    table.set_error = [](const trainer_host* host, const char* text, std::uint64_t size) {
      of(host).error.assign(text, size);
    };
    table.config = [](const trainer_host* host, const char* key, std::uint64_t size,
                      trainer_value* out) -> std::int32_t {
      const auto found = of(host).config.find(std::string(key, size));
      if (found == of(host).config.end()) return out->type = TRAINER_NULL, TRAINER_OK;
      fill(found->second, out);
      return TRAINER_OK;
    };
    table.argument = [](const trainer_host* host, const char* name, std::uint64_t size,
                        trainer_value* out) -> std::int32_t {
      const FakeHost& self = of(host);
      fill(std::string(name, size) == "report_to" ? self.report_to : self.output_dir, out);
      return TRAINER_OK;
    };
  }
  static FakeHost& of(const trainer_host* host) { return *static_cast<FakeHost*>(host->data); }
  static void fill(const ConfigValue& value, trainer_value* out) {
    if (const auto* flag = std::get_if<bool>(&value)) {
      out->type = TRAINER_BOOLEAN, out->integer = *flag, out->number = *flag;
    } else if (const auto* real = std::get_if<double>(&value)) {
      out->type = TRAINER_NUMBER, out->number = *real;
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      out->type = TRAINER_STRING, out->text = {text->data(), text->size()};
    }
  }

  trainer_host table{};
  Lines lines;
  std::string error;
  std::map<std::string, ConfigValue> config;
  ConfigValue output_dir;
  ConfigValue report_to = std::string(R"(["codecarbon"])");
};

class CodeCarbonCallback : public ::testing::Test {
 protected:
  CodeCarbonCallback() {
    ::setenv("HOME", directory.path().c_str(), 1);
    host.output_dir = (directory.path() / "out").string();
    host.config["force_ram_power"] = 20.0;
    host.config["gpu_ids"] = std::string("none");
    state.struct_size = sizeof state;
    state.is_local_process_zero = 1;
    control.struct_size = sizeof control;
  }
  std::int32_t create() { return trainer_plugin_entry()->create(&host.table, &callback); }
  std::int32_t send(trainer_slot slot) {
    trainer_event event{};
    event.struct_size = sizeof event;
    event.state = &state;
    event.control = &control;
    return slot(callback, &event);
  }
  fs::path file() const { return directory.path() / "out/emissions.csv"; }

  TemporaryDirectory directory;
  FakeHost host;
  trainer_callback* callback = nullptr;
  trainer_state state{};
  trainer_control control{};
};

TEST_F(CodeCarbonCallback, TwoTrainingsAreTwoRows) {
  host.config["project_name"] = std::string("mine");
  ASSERT_EQ(create(), TRAINER_OK) << host.error;
  EXPECT_EQ(callback->on_init_end, nullptr);  // an evaluation alone measures nothing, and says nothing
  EXPECT_FALSE(fs::exists(file()));
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(send(callback->on_train_begin), TRAINER_OK) << host.error;
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    ASSERT_EQ(send(callback->on_train_end), TRAINER_OK) << host.error;
  }
  callback->destroy(callback);
  const auto rows = rows_of(file());
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_NE(rows[0].at("run_id"), rows[1].at("run_id"));
  for (const auto& row : rows) {
    expect_identities(row, 475);
    EXPECT_EQ(row.at("project_name"), "mine");
    // A mean over time, so its last digit may differ from the constant that it is the mean of.
    EXPECT_NEAR(number(row, "ram_power"), 20.0, 1e-9);
    EXPECT_GT(number(row, "cpu_energy"), 0);
  }
  std::size_t world = 0;
  for (const auto& line : host.lines.all) world += line.second.find("→ world") != std::string::npos;
  EXPECT_EQ(world, 1u);
  EXPECT_THAT(read(directory.path() / "out/emissions_method.json"), HasSubstr("\"run_id\": \"" + rows[1].at("run_id")));
}

TEST_F(CodeCarbonCallback, ATrainingThatRaisesIsWritten) {
  ASSERT_EQ(create(), TRAINER_OK);
  ASSERT_EQ(send(callback->on_train_begin), TRAINER_OK) << host.error;
  callback->destroy(callback);
  ASSERT_EQ(rows_of(file()).size(), 1u);
  expect_identities(rows_of(file())[0], 475);
}

TEST_F(CodeCarbonCallback, OnlyTheFirstProcessOfAMachine) {
  state.is_local_process_zero = 0;
  ASSERT_EQ(create(), TRAINER_OK);
  for (const auto slot : {callback->on_train_begin, callback->on_train_end}) ASSERT_EQ(send(slot), TRAINER_OK);
  callback->destroy(callback);
  EXPECT_FALSE(fs::exists(directory.path() / "out"));
}

TEST_F(CodeCarbonCallback, OneLineForWhoDidNotAsk) {
  host.report_to = std::string(R"(["all"])");
  ASSERT_EQ(create(), TRAINER_OK);
  ASSERT_EQ(send(callback->on_train_begin), TRAINER_OK) << host.error;
  ASSERT_EQ(send(callback->on_train_end), TRAINER_OK) << host.error;
  callback->destroy(callback);
  EXPECT_EQ(host.lines.of(TRAINER_LOG_WARNING), "");
  EXPECT_THAT(host.lines.of(TRAINER_LOG_INFO), HasSubstr("kg CO2e"));
  EXPECT_THAT(host.lines.of(TRAINER_LOG_INFO), Not(HasSubstr("world average")));
}

TEST_F(CodeCarbonCallback, NoFileOnRequest) {
  host.config["save_to_file"] = false;
  ASSERT_EQ(create(), TRAINER_OK);
  ASSERT_EQ(send(callback->on_train_begin), TRAINER_OK);
  ASSERT_EQ(send(callback->on_train_end), TRAINER_OK);
  callback->destroy(callback);
  EXPECT_FALSE(fs::exists(directory.path() / "out"));
  EXPECT_THAT(host.lines.of(TRAINER_LOG_INFO), HasSubstr("kg CO2e"));
}

TEST_F(CodeCarbonCallback, ConfigurationBeatsTheFileInHome) {
  write(directory.path() / ".codecarbon.config",
        "[codecarbon]\nproject_name = home\nregion = x\noutput_dir = /no/such/place\n");
  host.config["project_name"] = std::string("given");
  host.config["output_file"] = std::string("other.csv");
  ASSERT_EQ(create(), TRAINER_OK);
  ASSERT_EQ(send(callback->on_train_begin), TRAINER_OK) << host.error;
  ASSERT_EQ(send(callback->on_train_end), TRAINER_OK) << host.error;
  callback->destroy(callback);
  const auto row = rows_of(directory.path() / "out/other.csv").at(0);
  EXPECT_EQ(row.at("project_name"), "given");
  EXPECT_EQ(row.at("region"), "x");
}

TEST_F(CodeCarbonCallback, BadConfigurationIsRefused) {
  host.config["country_iso_code"] = std::string("France");
  EXPECT_EQ(create(), TRAINER_ERROR);
  EXPECT_THAT(host.error, HasSubstr("country_iso_code is \"France\"; expected three letters"));
}

TEST_F(CodeCarbonCallback, AnUnusableDirectoryIsSaidBeforeTheTraining) {
  write(directory.path() / "out", "a file");
  ASSERT_EQ(create(), TRAINER_OK);
  EXPECT_EQ(send(callback->on_train_begin), TRAINER_ERROR);
  EXPECT_THAT(host.error, HasSubstr((directory.path() / "out").string()));
  callback->destroy(callback);
}

}  // namespace
}  // namespace trainer::codecarbon
