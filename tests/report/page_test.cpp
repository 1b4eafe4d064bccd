// SPDX-License-Identifier: Apache-2.0
#include "report/page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "report/json_text.hpp"
#include "trainer/json.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer::report {
namespace {

std::string text(std::string_view given) {
  std::string out;
  append_json_text(out, given);
  return out;
}

TEST(Page, TextsCannotEndTheScriptTheyStandIn) {
  EXPECT_EQ(text("a</script>&"), R"("a\u003c/script\u003e\u0026")");
  EXPECT_EQ(text("\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA"), "\"\\u2028\\u2029\xE2\x80\xAA\"");
  EXPECT_EQ(text("\"\\\n\x7F"), R"("\"\\\u000a\u007f")");
  EXPECT_EQ(text(std::string_view("\0ü\xFF\xC3", 5)), "\"\\u0000ü\\ufffd\\ufffd\"");
  EXPECT_EQ(text("\xED\xA0\x80"), R"("\ufffd\ufffd\ufffd")");  // half of a surrogate pair
  EXPECT_EQ(text("\xF0\x9F\x98\x80"), "\"\xF0\x9F\x98\x80\"");
}

TEST(Page, NumbersReadBackAsTheyWere) {
  for (const double number : {0.1, 1e-300, 5e-324, 1.7976931348623157e308, -0.0, 3.0, 2.6500730514526367}) {
    std::string out;
    append_json_number(out, number);
    EXPECT_EQ(json::parse(out, "").to_number<double>(), number) << out;
  }
  std::string out;
  append_json_number(out, -INFINITY);
  EXPECT_EQ(out, "\"-Infinity\"");
}

TEST(Page, NothingIsAskedForFromAnywhere) {
  const report::Run run;
  const std::string made = page({&run});
  for (const char* word : {"http:", "https:", "@import", "url(", "src=\"", "fetch(", "XMLHttpRequest", "innerHTML",
                           "insertAdjacentHTML", "document.write", "eval("}) {
    auto at = made.find(word);
    if (std::string_view(word) == "http:" && at != made.npos) {
      EXPECT_EQ(made.substr(at, 26), "http://www.w3.org/2000/svg");  // a name, and no address
      at = made.find(word, at + 1);
    }
    EXPECT_EQ(at, made.npos) << word;
  }
  EXPECT_THAT(made, testing::HasSubstr("default-src 'none'"));
}

TEST(Page, CostsAreAddedByWhoKnowsThem) {
  report::Run run;
  run.name = "mine";
  std::string made = page({&run});
  EXPECT_EQ(page_costs(made), "null");
  const std::string data(page_data(made));
  run.callbacks = {{"<csv>", 0.5, 3, 1}};
  run.train_seconds = 2;
  run.data_seconds = 0.25;
  ASSERT_TRUE(set_costs(made, run));
  ASSERT_TRUE(set_costs(made, run));
  EXPECT_EQ(page_costs(made),
            R"({"train_seconds":2,"data_seconds":0.25,"callbacks":[{"name":"\u003ccsv\u003e","seconds":0.5,)"
            R"("calls":3,"errors":1}]})");
  EXPECT_EQ(page_data(made), data);
  std::string other = "no page";
  EXPECT_FALSE(set_costs(other, run));
  EXPECT_EQ(page_data(other), "");
}

TEST(Page, TellsWhereResultsAre) {
  report::Run run;
  EXPECT_THAT(std::string(page_data(page({&run}))), testing::Not(testing::HasSubstr("results")));
  run.results = {{"metrics", "out/metrics.csv", ""}, {"<b>", "", "show it"}};
  EXPECT_THAT(std::string(page_data(page({&run}))),
              testing::HasSubstr(R"("results":[["metrics","out/metrics.csv",""],["\u003cb\u003e","","show it"]],)"));
}

// A page tells which arguments are not the defaults, and a plugin cannot ask for them.
TEST(Page, KnowsTheDefaultsOfTheArguments) {
  std::ifstream in(TRAINER_SOURCE_DIR "/report/page/default_arguments.json");
  std::stringstream file;
  file << in.rdbuf();
  EXPECT_EQ(file.str(), TrainingArguments().to_json_string() + "\n") << "write it into the file";
  EXPECT_EQ(file.str().find("</"), std::string::npos);  // it stands in a script
}

}  // namespace
}  // namespace trainer::report
