// SPDX-License-Identifier: Apache-2.0
//
// What plugins/shared/system says of variables, homes and programs, at the edges where systems differ.
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <thread>
#include <trainer/sdk/file.hpp>

#include "shared/system/clock.hpp"
#include "shared/system/environment.hpp"
#include "shared/system/files.hpp"
#include "shared/system/machine.hpp"
#include "shared/system/open_directory.hpp"
#include "shared/system/process.hpp"
#include "shared/system/random_id.hpp"
#include "support/scratch_directory.hpp"
#include "support/variable.hpp"

#if defined(_WIN32)
#include "shared/system/windows.hpp"
#else
#include <sys/stat.h>
#endif

namespace trainer::plugins {
namespace {

using test::Variable;

#if !defined(_WIN32)  // which has no empty ones
TEST(Environment, AnEmptyVariableIsNoneButWhereAskedFor) {
  const Variable empty("SYSTEM_TEST_A", ""), unset("SYSTEM_TEST_B", nullptr);
  EXPECT_EQ(variable("SYSTEM_TEST_A"), "");
  EXPECT_EQ(variable("SYSTEM_TEST_B"), "");
  EXPECT_EQ(find_variable("SYSTEM_TEST_A"), "");
  EXPECT_EQ(find_variable("SYSTEM_TEST_B"), std::nullopt);
  EXPECT_FALSE(has_variable("SYSTEM_TEST_"));
  const Variable filled("SYSTEM_TEST_C", "x=y");
  EXPECT_TRUE(has_variable("SYSTEM_TEST_"));
  EXPECT_FALSE(has_variable("SYSTEM_TEST_", {"SYSTEM_TEST_C"}));
  EXPECT_EQ(environment().at("SYSTEM_TEST_C"), "x=y");
}

#endif

// The right sides are those of os.path.expanduser().
#if defined(_WIN32)
TEST(Environment, HomeIsPythons) {
  const Variable home("USERPROFILE", "C:\\users\\me"), unix_one("HOME", "/home/other");
  EXPECT_EQ(home_directory(), "C:\\users\\me");
  EXPECT_EQ(expand_user("~/a"), "C:\\users\\me/a");
  EXPECT_EQ(expand_user("~\\a"), "C:\\users\\me\\a");
  EXPECT_EQ(expand_user("~"), "C:\\users\\me");
  EXPECT_EQ(expand_user(""), "");
  EXPECT_EQ(expand_user("~no-such-user-here"), "~no-such-user-here");
}

TEST(Environment, IsUtf8) {
  const std::string value = "\u00e9\u20ac\u5b66";
  ASSERT_TRUE(::SetEnvironmentVariableW(L"SYSTEM_TEST_D", windows::wide(value).c_str()));
  EXPECT_EQ(variable("SYSTEM_TEST_D"), value);
  EXPECT_EQ(environment().at("SYSTEM_TEST_D"), value);
  EXPECT_TRUE(has_variable("SYSTEM_TEST_D"));
  EXPECT_EQ(environment({{"SYSTEM_TEST_D", ""}}).count("SYSTEM_TEST_D"), 0u);
}

// The program that Windows always has, with arguments that have to come through as they are.
TEST(Process, RunsAProgramToItsEndOrTheLimit) {
  const Finished good = run_program({"cmd.exe", "/c", "echo out && exit 3"}, std::chrono::seconds(60));
  EXPECT_TRUE(good.found && !good.timed_out);
  EXPECT_EQ(good.status, 3);
  EXPECT_EQ(good.output.substr(0, 3), "out");
  const Finished slow = run_program({"ping", "-n", "60", "127.0.0.1"}, std::chrono::milliseconds(50));
  EXPECT_TRUE(slow.timed_out || !slow.found);
  EXPECT_FALSE(run_program({"no-such-program-here"}, std::chrono::seconds(1)).found);
  const test::ScratchDirectory scratch;
  const auto log = scratch / "log";
  EXPECT_EQ(start_program({"cmd.exe", "/c", "echo begun"}, log, std::chrono::seconds(60)), 0);
  EXPECT_EQ(test::contents(log).substr(0, 5), "begun");
  EXPECT_EQ(start_program({"Z:\\no\\such\\program.exe"}, log, std::chrono::seconds(1)), -2);
  EXPECT_EQ(find_program("no-such-program-here"), "");
}

TEST(Files, HaveNamesThatWindowsTakes) {
  for (const char* name : {"a", "a b", "console", "com", "\u5b66"}) EXPECT_TRUE(can_be_name(name)) << name;
  for (const char* name :
       {"", ".", "..", "a:b", "a?", "a*", "a<b", "a\"b", "a|b", "a.", "a ", "con", "NUL.txt", "Com1", "lpt9.x", "a\\b"})
    EXPECT_FALSE(can_be_name(name)) << name;
}
#else
TEST(Environment, HomeIsPythons) {
  const std::string of_account = account("").home;
  {
    const Variable home("HOME", "/home/me/");
    EXPECT_EQ(home_directory(), "/home/me/");
    EXPECT_EQ(expand_user("~/a"), "/home/me/a");
    EXPECT_EQ(expand_user("~"), "/home/me");
    EXPECT_EQ(expand_user(""), "");
  }
  for (const char* root : {"", "/"}) {
    const Variable home("HOME", root);
    EXPECT_EQ(expand_user("~/a"), "/a");
    EXPECT_EQ(expand_user("~"), "/");
  }
  const Variable home("HOME", nullptr);
  EXPECT_EQ(home_directory(), of_account);
  EXPECT_EQ(expand_user("~no-such-user-here"), "~no-such-user-here");
}

#endif

TEST(Environment, TheUserHasAName) {
  const Variable first("LOGNAME", ""), second("USER", "somebody");
  EXPECT_EQ(user_name(), "somebody");
}

TEST(Clock, TextsHaveOneLength) {
  EXPECT_EQ(utc_now().size(), std::string("2026-11-23T16:17:34.000000+00:00").size());
  EXPECT_EQ(local_timestamp().size(), std::string("2026-11-23T16:17:34").size());
  const Variable zone("TZ", "UTC0");
  ::tzset();
  EXPECT_EQ(time_name(1'000'000'000'999'999'999), "20010909_014640");
}

TEST(RandomId, HasItsDigits) {
  EXPECT_EQ(random_id(12).find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz"), std::string::npos);
  EXPECT_EQ(random_hex(13).find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(random_id(12).size(), 12u);
  EXPECT_EQ(random_hex(13).size(), 13u);
  EXPECT_NE(random_hex(32), random_hex(32));
}

#if !defined(_WIN32)
TEST(Process, GoesOnAfterTheLimit) {
  const test::ScratchDirectory scratch;
  const auto log = scratch.path() / "log";
  const std::string shell = find_program("sh").string();
  EXPECT_EQ(start_program({shell, "-c", "echo begun; exit 3"}, log, std::chrono::seconds(10)), 3);
  EXPECT_EQ(test::contents(log), "begun\n");
  EXPECT_EQ(start_program({shell, "-c", "kill -9 $$"}, log, std::chrono::seconds(10)), 128 + 9);
  EXPECT_EQ(start_program({shell, "-c", "sleep 0.5"}, log, std::chrono::duration<double>(0)), -1);
  EXPECT_EQ(start_program({"/no/such/program"}, log, std::chrono::seconds(1)), -2);
  EXPECT_EQ(find_program("no-such-program-here"), "");
}
#endif

TEST(Files, AreReadWholeOrNotAtAll) {
  const test::ScratchDirectory scratch;
  std::error_code error;
  replace_quickly(scratch.path() / "a", "text");
  EXPECT_EQ(read_file(scratch.path() / "a", error), "text");
  EXPECT_EQ(read_file(scratch.path() / "b", error), std::nullopt);
  EXPECT_EQ(error, std::errc::no_such_file_or_directory);
  EXPECT_EQ(read_file(scratch.path(), error), std::nullopt);
#if !defined(_WIN32)  // where not everybody may make one
  EXPECT_TRUE(replace_link(scratch.path() / "link", "a"));
  EXPECT_TRUE(replace_link(scratch.path() / "link", "b"));
  EXPECT_EQ(std::filesystem::read_symlink(scratch.path() / "link"), "b");
#endif
}

TEST(Files, GetASecondName) {
  const test::ScratchDirectory scratch;
  test::write(scratch / "a", "text");
  link_or_copy(scratch / "a", scratch / "b");
  EXPECT_EQ(test::contents(scratch / "b"), "text");
#if !defined(_WIN32)  // where not every library counts links, and not everybody may make them
  EXPECT_EQ(std::filesystem::hard_link_count(scratch / "a"), 2u);
  std::filesystem::create_symlink("a", scratch / "link");
  link_or_copy(scratch / "link", scratch / "c");  // of what it names, and never the link
  EXPECT_FALSE(std::filesystem::is_symlink(scratch / "c"));
  EXPECT_EQ(test::contents(scratch / "c"), "text");
#endif
  // There are no hard links from one file system to another.
  EXPECT_THROW(link_or_copy(scratch / "none", scratch / "e"), std::filesystem::filesystem_error);
  if (!std::filesystem::is_directory("/dev/shm")) return;
  const test::ScratchDirectory elsewhere("/dev/shm");
  link_or_copy(scratch / "a", elsewhere / "d");
  EXPECT_EQ(test::contents(elsewhere / "d"), "text");
}

TEST(Files, TwoRunsOfOneSecondHaveADirectoryEach) {
  const test::ScratchDirectory scratch;
  const auto name = [&](std::int64_t time) { return scratch / ("runs/at-" + std::to_string(time / 1'000'000'000)); };
  EXPECT_EQ(make_timed_directory(7'999'999'999, name), scratch / "runs/at-7");
  EXPECT_EQ(make_timed_directory(7'000'000'000, name), scratch / "runs/at-8");
  test::write(scratch / "runs/at-9", "");
  EXPECT_EQ(make_timed_directory(7'000'000'000, name), scratch / "runs/at-10");
  EXPECT_THROW(make_timed_directory(0, [&](std::int64_t) { return scratch / "runs/at-9/in"; }), sdk::FileError);
}

TEST(Files, ALockIsOfTheFileThatHasTheName) {
  const test::ScratchDirectory scratch;
  const auto path = scratch / "file";
  const FileLock lock = FileLock::wait(path, std::chrono::seconds(0));
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_FALSE(FileLock().take(path));
  std::filesystem::rename(path, scratch / "other");
  std::thread waiting([&] { FileLock::wait(path, std::chrono::seconds(10)); });  // of a new file at once
  waiting.join();
  EXPECT_TRUE(FileLock().take(path));
  FileLock::wait(scratch / "none/file", std::chrono::seconds(10));
}

TEST(OpenDirectory, LeadsNowhereElse) {
  for (const char* name : {"a", "a b", "..a", ".files"}) EXPECT_TRUE(is_plain_name(name)) << name;
  for (const char* name : {"", ".", "..", "/", "a/b", "../a", "a\\b", "a\nb"})
    EXPECT_FALSE(is_plain_name(name)) << name;
  EXPECT_FALSE(is_plain_name(std::string(256, 'a')));

  const test::ScratchDirectory scratch;
  std::filesystem::create_directories(scratch / "in/deep");
  std::filesystem::create_directories(scratch / "out");
  test::write(scratch / "in/deep/file", "text");
  test::write(scratch / "in/file", "text");
  test::write(scratch / "out/key", "secret");
#if !defined(_WIN32)
  std::filesystem::create_symlink("../out", scratch / "in/link");
  std::filesystem::create_symlink("../out/key", scratch / "in/key");
  ASSERT_EQ(::mkfifo((scratch / "in/pipe").c_str(), 0600), 0);
#endif
  const auto place = OpenDirectory::open(scratch.path());
  ASSERT_TRUE(place);
  auto in = place->child("in");
  ASSERT_TRUE(in);
  EXPECT_FALSE(in->child("link") || in->child("..") || in->child("deep/.."));
  EXPECT_EQ(in->files(), (std::vector<std::string>{"deep/file", "file"}));
  EXPECT_NE(in->open_file("deep/file"), nullptr);
  for (const char* path : {"key", "link/key", "../out/key", "pipe", "deep", "none"})
    EXPECT_EQ(in->open_file(path), nullptr) << path;
  in->remove("..");
  in.reset();  // Windows removes no directory that is open
  place->remove("in");
  EXPECT_FALSE(std::filesystem::exists(scratch / "in"));
  EXPECT_TRUE(std::filesystem::exists(scratch / "out/key"));
}

TEST(Machine, IsKnown) {
#if defined(_WIN32)
  EXPECT_EQ(operating_system().name, "Windows");
#else
  EXPECT_EQ(operating_system().name, "Linux");
#endif
  EXPECT_GE(processors().threads, 1);
  for (const CpuTimes& times : times_of_each_cpu()) EXPECT_LE(times.busy, times.total);
  EXPECT_GT(machine_memory().total.value(), machine_memory().available.value());
}

}  // namespace
}  // namespace trainer::plugins
