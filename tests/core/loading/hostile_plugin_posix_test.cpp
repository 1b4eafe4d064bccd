// SPDX-License-Identifier: Apache-2.0
//
// Broken and hostile plugin files: each must be refused with a sentence, and none may crash or
// hang.
#include <dlfcn.h>
#include <elf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <trainer/ext/tracker.h>

#include <cstddef>
#include <cstring>

#include "loading/availability.hpp"
#include "loading/plugin_library.hpp"
#include "support/plugin_builder.hpp"

using namespace trainer;
using namespace plugin_builder;

namespace {

class HostilePluginTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared = new TemporaryDirectory;
    bytes = new std::string(read(compile(shared->path() / "good.so", good("good"))));
  }
  static void TearDownTestSuite() {
    delete bytes;
    delete shared;
  }

  // A new name each time: a library that was loaded once stays, and the loader knows it by its
  // name.
  static fs::path fresh() {
    static int count = 0;
    return shared->path() / ("x" + std::to_string(++count) + ".so");
  }
  static fs::path file(std::string_view content) {
    const auto path = fresh();
    write(path, content);
    return path;
  }
  template <typename T>
  static std::string patched(std::size_t offset, T value) {
    auto copy = *bytes;
    std::memcpy(copy.data() + offset, &value, sizeof value);
    return copy;
  }

  static void expect_refused(const fs::path& path, const std::string& phrase) {
    const auto sentence = sentence_of([&] { PluginLibrary::load(read_plugin_file(path)); });
    EXPECT_SAYS(sentence, path.filename().string());
    EXPECT_SAYS(sentence, phrase);
  }

  // A plugin whose table is written by hand: `fields` between the braces.
  static void expect_table_refused(const std::string& fields, const std::string& phrase,
                                   const std::string& before = "") {
    const auto path = compile(fresh(), preamble + before +
                                           "TRAINER_EMBED_NOTE(\"{\\\"id\\\": \\\"t\\\", \\\"version\\\": \\\"1\\\", "
                                           "\\\"events\\\": [\\\"on_log\\\"]}\")\n"
                                           "static const trainer_plugin plugin = {" +
                                           fields +
                                           "};\nTRAINER_EXPORT const trainer_plugin* trainer_plugin_entry(void) {\n"
                                           "  return &plugin; }\n");
    expect_refused(path, phrase);
  }

  static inline TemporaryDirectory* shared;
  static inline std::string* bytes;  // of a good plugin
};

TEST_F(HostilePluginTest, TheGoodOneLoads) {
  const auto library = PluginLibrary::load(read_plugin_file(shared->path() / "good.so"));
  EXPECT_EQ(library->file().note.id, "good");
  EXPECT_NE(library->table().create, nullptr);
  EXPECT_EQ(library->extension("nonsense/1"), nullptr);
  EXPECT_EQ(ask_availability(*library, nullptr).use, Availability::yes);
}

TEST_F(HostilePluginTest, FilesThatAreNoLibrary) {
  expect_refused(file(""), "is empty (0 bytes)");
  expect_refused(file(bytes->substr(0, 10)), "too short: it has 10 bytes");
  expect_refused(file("hello, I am a plugin\n"), "a text file");
  expect_refused(file("MZ\x90" + std::string(200, '\0')), "a Windows DLL (MZ)");
  expect_refused(file("!<arch>\nlibx.o/"), "an archive");
  expect_refused(file(std::string("PK\3\4\0\0", 6)), "an archive");
  expect_refused(file(std::string(4096, '\0')), "does not start as an ELF file");
  expect_refused(shared->path() / "missing.so", "No such file");
}

TEST_F(HostilePluginTest, ThingsThatAreNoFile) {
  const auto pipe = fresh(), directory = fresh(), loop = fresh(), link = fresh();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  expect_refused(pipe, "a named pipe");
  fs::create_directory(directory);
  expect_refused(directory, "a directory");
  fs::create_symlink(loop, loop);
  expect_refused(loop, "a symbolic link");
  fs::create_symlink("/dev/zero", link);
  expect_refused(link, "a symbolic link");
  const auto followed = fresh();
  fs::create_symlink(shared->path() / "good.so", followed);
  expect_refused(followed, "a symbolic link");
  ::setenv("TRAINER_PLUGIN_TRUST", "any", 1);
  expect_refused(loop, "could not be opened");
  expect_refused(link, "a device");
  EXPECT_EQ(read_plugin_file(followed).note.id, "good");
  ::unsetenv("TRAINER_PLUGIN_TRUST");
}

TEST_F(HostilePluginTest, TooLarge) {
  const auto path = file(*bytes);
  fs::resize_file(path, (std::uintmax_t{1} << 30) + 1);  // sparse: takes no room
  expect_refused(path, "1 GiB");
}

TEST_F(HostilePluginTest, OtherMachines) {
  expect_refused(file(patched<std::uint16_t>(offsetof(Elf64_Ehdr, e_machine), 0x28)), "ARM (32 bit)");
  expect_refused(file(patched<std::uint16_t>(offsetof(Elf64_Ehdr, e_machine), 0xF3)), "RISC-V");
  expect_refused(file(patched<std::uint16_t>(offsetof(Elf64_Ehdr, e_machine), 4711)), "machine number 4711");
  expect_refused(file(patched<char>(EI_CLASS, ELFCLASS32)), "32-bit");
  expect_refused(file(patched<char>(EI_DATA, ELFDATA2MSB)), "big-endian");
  expect_refused(file(patched<char>(EI_VERSION, 0)), "ELF version");
  expect_refused(file(patched<std::uint16_t>(offsetof(Elf64_Ehdr, e_type), ET_EXEC)), "a program");
  expect_refused(file(patched<std::uint16_t>(offsetof(Elf64_Ehdr, e_type), ET_REL)), "object file");
}

TEST_F(HostilePluginTest, DamagedTables) {
  const std::uint64_t far = std::uint64_t{0} - 64;
  expect_refused(file(patched(offsetof(Elf64_Ehdr, e_phoff), far)), "cut short");
  expect_refused(file(patched(offsetof(Elf64_Ehdr, e_shoff), far)), "cut short");
  expect_refused(file(patched<std::uint64_t>(offsetof(Elf64_Ehdr, e_shoff), 0)), "no table of sections");
  expect_refused(file(patched<std::uint16_t>(offsetof(Elf64_Ehdr, e_phnum), 0)), "damaged");
  expect_refused(file(patched<std::uint16_t>(offsetof(Elf64_Ehdr, e_shstrndx), 0xfff0)), "damaged");
}

// A file that is cut kills a process that loads it unseen, with SIGBUS.
TEST_F(HostilePluginTest, CutAnywhere) {
  int loaded = 0;
  for (std::size_t size = 0; size < bytes->size(); size += 64) {
    const auto path = file(bytes->substr(0, size));
    try {
      PluginLibrary::load(read_plugin_file(path));
      ++loaded;
    } catch (const Error& e) {
      EXPECT_SAYS(std::string(e.what()), path.filename().string());
    }
  }
  EXPECT_EQ(loaded, 0);  // the table of sections is the last thing in a file
  expect_refused(file(bytes->substr(0, bytes->size() - 1)), "cut short: it has " + std::to_string(bytes->size() - 1) +
                                                                " bytes of the " + std::to_string(bytes->size()));
}

// Only read, never loaded: what lies behind a damaged header is not to be run.
TEST_F(HostilePluginTest, EveryFlippedByteIsSurvived) {
  Elf64_Ehdr header;
  std::memcpy(&header, bytes->data(), sizeof header);
  std::vector<std::pair<std::size_t, std::size_t>> ranges = {
      {0, header.e_phoff + header.e_phnum * sizeof(Elf64_Phdr)},
      {header.e_shoff, header.e_shoff + header.e_shnum * sizeof(Elf64_Shdr)}};
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, bytes->data() + header.e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_type == PT_DYNAMIC) ranges.push_back({segment.p_offset, segment.p_offset + segment.p_filesz});
  }
  const auto path = file(*bytes);
  std::fstream stream(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&](std::size_t at, int byte) {
    stream.seekp(static_cast<std::streamoff>(at)).put(static_cast<char>(byte)).flush();
  };
  int refused = 0;
  for (const auto& [begin, end] : ranges)
    for (std::size_t i = begin; i < end; ++i) {
      for (const int flip : {0x01, 0x80, 0xff}) {
        put(i, (*bytes)[i] ^ flip);
        try {
          read_plugin_file(path);
        } catch (const Error&) {
          ++refused;
        }
      }
      put(i, (*bytes)[i]);
    }
  EXPECT_GT(refused, 100);
}

TEST_F(HostilePluginTest, Notes) {
  expect_refused(compile(fresh(), "int nothing(void) { return 1; }"), "without a plugin's note");
  expect_refused(compile(fresh(), with_note(R"({"id": "a", "version": "1"})")), "no \"events\"");
  expect_refused(compile(fresh(), with_note(R"({"id": "a" "version": "1"})")), "not valid JSON");
  expect_refused(compile(fresh(), with_note(R"({"version": "1", "events": []})")), "no \"id\"");
  expect_refused(compile(fresh(), with_note(R"({"id": "a", "version": "1", "events": ["on_lgo"]})")), "on_log");
  const auto at = bytes->find(TRAINER_NOTE_MAGIC) + offsetof(trainer_note, abi_major);
  expect_refused(file(patched<std::uint32_t>(at, 9)), "plugin ABI 9.");
  expect_refused(file(patched<std::uint32_t>(at + 4, TRAINER_ABI_MINOR + 1)), "rebuild the plugin");
  expect_refused(file(patched<std::uint32_t>(at + 8, 0xffffffff)), "cut short");
  EXPECT_EQ(read_plugin_file(compile(fresh(), good("lists"))).note.events, 1u << TRAINER_ON_LOG);
}

TEST_F(HostilePluginTest, EntryPoints) {
  const std::string note =
      "TRAINER_EMBED_NOTE(\"{\\\"id\\\": \\\"e\\\", \\\"version\\\": \\\"1\\\", "
      "\\\"events\\\": []}\")\n";
  expect_refused(compile(fresh(), preamble + note, "-Wno-unused-function"), "does not export");
  expect_refused(compile(fresh(), preamble + note + "int trainer_plugin_entry = 7;\n"), "as data");
  expect_refused(compile(fresh(), preamble + note +
                                      "TRAINER_EXPORT const trainer_plugin* trainer_plugin_entry("
                                      "void) { return NULL; }\n"),
                 "returned null");
}

TEST_F(HostilePluginTest, Tables) {
  const std::string versions = ", TRAINER_ABI_MAJOR, TRAINER_ABI_MINOR, ";
  const std::string size = "sizeof(trainer_plugin)", head = "&trainer_note_data.head, ";
  expect_table_refused("7, " + size + versions + head + "create, NULL", "magic");
  expect_table_refused("TRAINER_PLUGIN_MAGIC, 16" + versions + head + "create, NULL", "16 bytes");
  expect_table_refused("TRAINER_PLUGIN_MAGIC, 65537" + versions + head + "create, NULL", "65537");
  expect_table_refused("TRAINER_PLUGIN_MAGIC, " + size + ", 9, 0, " + head + "create, NULL", "ABI 9.0");
  expect_table_refused("TRAINER_PLUGIN_MAGIC, " + size + versions + "NULL, create, NULL", "no note");
  expect_table_refused("TRAINER_PLUGIN_MAGIC, " + size + versions + head + "NULL, NULL", "no create");
  expect_table_refused("TRAINER_PLUGIN_MAGIC, " + size + versions + "&other, create, NULL", "differs",
                       "static const trainer_note other = {TRAINER_NOTE_MAGIC, TRAINER_ABI_MAJOR, "
                       "TRAINER_ABI_MINOR, 2, 0};\n");
}

TEST_F(HostilePluginTest, WhatTheLoaderRefuses) {
  expect_refused(compile(fresh(), "void _ZN5other4callEi(int);\n" + good("undefined") +
                                      "TRAINER_EXPORT void f(void) { _ZN5other4callEi(1); }\n"),
                 "needs the symbol other::call(int)");
  const auto helper = compile(shared->path() / "libgone.so", "int gone(void) { return 1; }");
  const auto path =
      compile(fresh(), "int gone(void);\n" + good("dependent") + "TRAINER_EXPORT int f(void) { return gone(); }\n",
              "-L'" + shared->path().string() + "' -lgone");
  fs::remove(helper);
  expect_refused(path, "needs the library libgone.so");
}

// Its runtime ends a process that did not start with it.
TEST_F(HostilePluginTest, ASanitizerThatTheHostHasNot) {
  if (::dlsym(RTLD_DEFAULT, "__tsan_init")) GTEST_SKIP() << "this program has that sanitizer";
  const auto runtime =
      compile(shared->path() / "libtsan.so", "int gone(void) { return 1; }", "-Wl,-soname,libtsan.so.2");
  expect_refused(
      compile(fresh(), "int gone(void);\n" + good("sanitized") + "TRAINER_EXPORT int f(void) { return gone(); }\n",
              "'" + runtime.string() + "'"),
      "built with a sanitizer (it needs libtsan.so.2)");
}

TEST_F(HostilePluginTest, AFileThatWasReplaced) {
  const auto path = compile(fresh(), good("before"));
  const auto read_before = read_plugin_file(path);
  fs::remove(path);
  compile(path, good("after"));
  EXPECT_SAYS(sentence_of([&] { PluginLibrary::load(read_before); }), "was replaced");
}

TEST_F(HostilePluginTest, TrackersSayWhyTheyAreUnavailable) {
  const auto tracker = [&](const std::string& body) {
    return PluginLibrary::load(read_plugin_file(
        compile(fresh(), preamble +
                             "#include <string.h>\nstatic int32_t TRAINER_CALL available("
                             "const trainer_host* host) { (void)host; " +
                             body +
                             " }\n"
                             "static const void* TRAINER_CALL get_extension(const char* id) {\n"
                             "  static const trainer_ext_tracker t = {sizeof t, 0, available};\n"
                             "  return strcmp(id, TRAINER_EXT_TRACKER) == 0 ? &t : NULL; }\n"
                             "TRAINER_PLUGIN_DEFINE(create, get_extension, {\"id\": \"t\", \"version\": \"1\", "
                             "\"events\": [\"on_log\"], \"report_to\": \"t\"})\n")));
  };
  trainer_host host{};
  host.struct_size = sizeof host;
  static std::string logged;
  host.log = [](const trainer_host*, std::uint32_t, const char* text, std::uint64_t size) {
    logged.assign(text, size);
  };
  EXPECT_EQ(ask_availability(*tracker("return TRAINER_OK;"), &host).use, Availability::yes);
  const auto missing =
      ask_availability(*tracker("host->log(host, TRAINER_LOG_INFO, \"hi\", 2);"
                                "host->set_error(host, \"set T_URI\", 9); return TRAINER_UNAVAILABLE;"),
                       &host);
  EXPECT_EQ(missing.use, Availability::no);
  EXPECT_EQ(missing.reason, "set T_URI");
  EXPECT_EQ(logged, "hi");
  const auto named =
      ask_availability(*tracker("host->set_error(host, \"name it\", 7); return TRAINER_NOT_CONFIGURED;"), &host);
  EXPECT_EQ(named.use, Availability::when_named);
  EXPECT_EQ(named.reason, "name it");
  const auto wrong = ask_availability(*tracker("return 77;"), &host);
  EXPECT_EQ(wrong.use, Availability::no);
  EXPECT_SAYS(wrong.reason, "status 77");
}

}  // namespace
