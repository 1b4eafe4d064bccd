// SPDX-License-Identifier: Apache-2.0
//
// A plugin and what it brings along are loaded from copies, and are known by their files' names all the same: to a
// debugger, in a core file, and to the code itself.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <link.h>
#include <stdlib.h>

#include <algorithm>
#include <string>
#include <vector>

#include "discovery/plugin_file.hpp"
#include "loading/plugin_library.hpp"
#include "support/plugin_builder.hpp"

using namespace trainer;
using namespace plugin_builder;
using testing::Contains;
using testing::Not;

namespace {

#if defined(__GLIBC__)
std::vector<std::string> loaded_names() {
  std::vector<std::string> names;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* all) {
        static_cast<std::vector<std::string>*>(all)->emplace_back(info->dlpi_name);
        return 0;
      },
      &names);
  return names;
}

// The copy's path in /proc, and a name that is none.
MATCHER(IsNoFile, "") { return arg.rfind("/proc/", 0) == 0 || arg.rfind("lib_", 0) == 0; }

struct FileNamesTest : testing::Test {
  TemporaryDirectory directory;

  fs::path library(const std::string& name, const std::string& options = "") {
    return compile(directory.path() / (name + ".so"), "int " + name + "(void) { return 42; }\n", options);
  }
  // One that is linked with such a library.
  fs::path plugin(const std::string& id, const std::string& library) {
    const auto file = compile(
        directory.path() / (id + ".so"),
        "int " + library + "(void);\n" + good(id) + "TRAINER_EXPORT int f(void) { return " + library + "(); }\n",
        "-L'" + directory.path().string() + "' -l:" + library + ".so '-Wl,-rpath,$ORIGIN'");
    PluginLibrary::load(read_plugin_file(file), TrialLoad::done);
    return file;
  }
};

TEST_F(FileNamesTest, APluginAndItsLibrary) {
  const auto beside = library("lib_with_soname", "-Wl,-soname,lib_with_soname.so");
  const auto file = plugin("names", "lib_with_soname");
  const auto names = loaded_names();
  EXPECT_THAT(names, Contains(file.string()));
  EXPECT_THAT(names, Contains(beside.string()));
  EXPECT_THAT(names, Not(Contains(IsNoFile())));
}

// Who needs it finds it by its file's name alone, which it does not have for good.
TEST_F(FileNamesTest, ALibraryWithoutASonameIsSharedByTwoPlugins) {
  const auto beside = library("lib_without_soname");
  const auto first = plugin("first", "lib_without_soname"), second = plugin("second", "lib_without_soname");
  const auto names = loaded_names();
  for (const auto& file : {beside, first, second}) EXPECT_THAT(names, Contains(file.string()));
  EXPECT_EQ(std::count(names.begin(), names.end(), beside.string()), 1);
  EXPECT_THAT(names, Not(Contains(IsNoFile())));
}

TEST_F(FileNamesTest, OnlyForDebuggingIsTheFileItselfInMemory) {
  const auto beside = library("lib_itself");
  ::setenv("TRAINER_PLUGIN_DEBUG", "1", 1);
  const auto itself = plugin("itself", "lib_itself");
  ::unsetenv("TRAINER_PLUGIN_DEBUG");
  const auto copied = plugin("copied", "lib_itself");
  const auto maps = read("/proc/self/maps");
  EXPECT_SAYS(maps, itself.string());
  EXPECT_SAYS(maps, beside.string());
  EXPECT_EQ(maps.find(copied.string()), maps.npos);
}
#endif

}  // namespace
