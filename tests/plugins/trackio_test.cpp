// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <iterator>
#include <limits>
#include <optional>

#include "plugins/trackio/inbox.hpp"
#include "plugins/trackio/records.hpp"
#include "plugins/trackio/sender.hpp"
#include "shared/json_tree/json_tree.hpp"
#include "support/file_size_limit.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/sdk/file.hpp"

namespace trainer::trackio {
namespace {

TEST(Records, AreTrackiosFragments) {
  std::string members;
  append_member(members, "eval/loss", sdk::Value(0.5));
  append_member(members, "n", sdk::Value(std::numeric_limits<double>::infinity()));
  append_member(members, "t", sdk::Value("a\"\n"));
  append_member(members, "none", sdk::Value());
  std::string out;
  append_record(out, {"p", "r", ""}, members, std::nullopt, "2026-01-01T00:00:00+00:00", "", "1f");
  EXPECT_EQ(out, R"({"v": 1, "kind": "metric", "project": "p", "run": "r", "run_id": null, "metrics": )"
                 R"({"eval/loss": 0.5, "n": "Infinity", "t": "a\"\n", "none": null}, "step": null, )"
                 R"("timestamp": "2026-01-01T00:00:00+00:00", "config": null, "log_id": "1f"})");
}

TEST(Records, ConfigurationIsOneLineOfJson) {
  EXPECT_EQ(run_config("{\n \"n\": 1,\n \"a\": 2\n}", "{\"a\": NaN, \"_x\": 1}", 7, "now"),
            R"({"_Username": null, "_Created": "now", "_Group": null, "n": 1, "a": "NaN", )"
            R"("model/num_parameters": 7})");
  EXPECT_EQ(run_config("", "{}", -1, "now"), R"({"_Username": null, "_Created": "now", "_Group": null})");
}

TEST(Inbox, HasWholeFragmentsOnly) {
  test::ScratchDirectory scratch;
  Inbox inbox(scratch.path());
  EXPECT_EQ(test::contents(inbox.write("{}\n")), "{}\n");
  {
    const test::FileSizeLimit full(2);
    EXPECT_THROW(inbox.write("{\"a\": 1}\n"), sdk::FileError);
  }
  std::filesystem::remove_all(inbox.directory());  // as an importer does
  const std::filesystem::path next = inbox.write("{}\n");
  EXPECT_EQ(next.filename(), "00000001.jsonl");
  const std::filesystem::directory_iterator all(inbox.directory());
  EXPECT_EQ(std::distance(begin(all), end(all)), 1);
}

TEST(Server, TakesItsTokenFromTheUrl) {
  const Server server = parse_server("http://127.0.0.1:7860/?a=1&write_token=x%2Fy#top", "other");
  EXPECT_EQ(server.url, "http://127.0.0.1:7860");
  EXPECT_EQ(server.token, "x/y");
  EXPECT_EQ(parse_server("http://127.0.0.1:7860", "t").token, "t");
  EXPECT_THROW(parse_server("http://127.0.0.1:7860", ""), std::invalid_argument);
  EXPECT_THROW(parse_server("127.0.0.1:7860", "t"), std::invalid_argument);
}

TEST(Server, KeepsWhatIsSecretToItself) {
  for (const char* url :
       {"me:secret@127.0.0.1:7860", "127.0.0.1:7860/?write_token=secret", "ftp://h/?write_token=secret"}) {
    try {
      parse_server(url, "");
      FAIL() << url;
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos) << error.what();
    }
  }
}

TEST(Json, ReadsWhatPythonWritesAndRefusesTheRest) {
  std::string out;
  plugins::append_json(out, plugins::parse_json(R"([1e-08, -0.0, "\ud83d\ude00\u00e9", true, {"k": []}])"),
                       plugins::Escape::ascii, false);
  EXPECT_EQ(out, R"([1e-08, -0.0, "\ud83d\ude00\u00e9", true, {"k": []}])");
  for (const char* text : {"", "[1", "{\"a\" 1}", "[1] 2", "\"a", "nul", "\"\\x\""})
    EXPECT_THROW(plugins::parse_json(text), std::invalid_argument) << text;
  EXPECT_THROW(plugins::parse_json(std::string(5000, '[')), std::invalid_argument);
}

}  // namespace
}  // namespace trainer::trackio
