// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include <gtest/gtest.h>

#include "trainer/error.hpp"
#include "trainer/log.hpp"

using namespace trainer;
using namespace std::string_literals;

namespace {

TEST(OnOneLine, KeepsWhatIsText) {
  for (const std::string text : {"", "plain", "läufer № 7 ✓ 訓練 👩‍🔬", "a\\nb", "{'loss': '0.5'}"})
    EXPECT_EQ(on_one_line(text), text);
}

TEST(OnOneLine, EscapesWhatIsNone) {
  EXPECT_EQ(on_one_line("a\nb\rc\td\0e\x1b[2J\x7f"s), "a\\nb\\x0dc\\x09d\\x00e\\x1b[2J\\x7f");
  EXPECT_EQ(on_one_line("\xc2\x9b"
                        "2J \xc2\x85"),
            "\\x9b2J \\x85");  // C1, which some terminals obey
  EXPECT_EQ(on_one_line("a\u2028b\u2029c"), "a\\u2028b\\u2029c");
  EXPECT_EQ(on_one_line("\u202edrowssap\u2066\u200f\u061c\ufeff"), "\\u202edrowssap\\u2066\\u200f\\u061c\\ufeff");
  EXPECT_EQ(on_one_line("\x9b"
                        "2J \xff\xc0\xaf\xe2\x80"),
            "\\x9b2J \\xff\\xc0\\xaf\\xe2\\x80");  // no UTF-8
}

TEST(OnOneLine, CutsTheMiddle) {
  const auto all = on_one_line("where: " + std::string(40'000'000, 'k') + "; what to do");
  EXPECT_LE(all.size(), longest_line);
  EXPECT_EQ(all.substr(0, 10), "where: kkk");
  EXPECT_NE(all.find("k ... (40000019 bytes) ... k"), all.npos);
  EXPECT_EQ(all.substr(all.size() - 12), "; what to do");
  EXPECT_LE(on_one_line(std::string(longest_line, '\x1b')).size(), longest_line);
  std::string umlauts;
  for (int i = 0; i < 9001; ++i) umlauts += "ü";
  for (std::size_t longest = 100; longest < 108; ++longest) EXPECT_TRUE(is_utf8(on_one_line(umlauts, longest)));
  EXPECT_EQ(on_one_line(std::string(longest_line, 'x')), std::string(longest_line, 'x'));
}

TEST(OnOneLine, HoldsForErrorsAndTheLog) {
  const Error error(ErrorKind::usage, error_id::run_file_invalid, "a\u2028b " + std::string(1'000'000, 'k'));
  EXPECT_LT(std::string(error.what()).size(), longest_line + 100);
  EXPECT_EQ(error.sentence().substr(0, 8), "a\\u2028b");
  EXPECT_NE(std::string(error.what()).find("[run-file.invalid]"), std::string::npos);
  std::string seen;
  log::set_sink([&](log::Level, std::string_view text) { seen = text; });
  log::info("a\nerror: forged \xc2\x9b" + std::string(1'000'000, 'k'));
  log::set_sink({});
  EXPECT_EQ(seen.substr(0, 22), "a\\nerror: forged \\x9bk");
  EXPECT_LE(seen.size(), longest_line);
}

TEST(Nearest, LooksAtNoNameThatIsMuchTooLong) {
  EXPECT_EQ(nearest("learning_rat", {"learning_rate", "seed"}), "learning_rate");
  EXPECT_EQ(nearest(std::string(40'000'000, 'k'), std::vector<std::string>(100, "learning_rate")), "");
}

TEST(Nearest, KnowsAbbreviations) {
  const std::vector<std::string> names{"name", "average", "k", "shift", "as"};
  EXPECT_EQ(nearest("avg", names), "average");
  EXPECT_EQ(nearest("kk", names), "k");
  EXPECT_EQ(nearest("roc", {"recall", "f1", "r2", "roc_auc"}), "roc_auc");
  EXPECT_EQ(nearest("sed", {"stepped", "seed"}), "seed");
}

}  // namespace
