// SPDX-License-Identifier: Apache-2.0
#include "shared/python_text/python_text.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

using namespace trainer::plugins;

namespace {

std::string text_of(std::string_view json) { return python_str(parse_python_json(json)); }

// Each line is what python3 -c 'import json; print(str(json.loads(...)))' prints.
TEST(PythonText, PrintsValuesAsPythonDoes) {
  EXPECT_EQ(text_of("null"), "None");
  EXPECT_EQ(text_of("true"), "True");
  EXPECT_EQ(text_of("\"it's\""), "it's");
  EXPECT_EQ(text_of("18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(text_of("1e-05"), "1e-05");
  EXPECT_EQ(text_of("1e16"), "1e+16");
  EXPECT_EQ(text_of("[1, 2.0, \"a\"]"), "[1, 2.0, 'a']");
  EXPECT_EQ(text_of("[]"), "[]");
  EXPECT_EQ(text_of(R"({"split_batches": false, "b": null, "c": {}})"), "{'split_batches': False, 'b': None, 'c': {}}");
}

TEST(PythonText, KeepsEveryBitOfANumber) {
  for (const char* text : {"0.001", "5e-324", "1.7976931348623157e+308", "0.1", "2.2250738585072014e-308",
                           "123456789.12345679", "9007199254740993.0", "7.2057594037927933e+16"})
    EXPECT_EQ(parse_python_json(text).get_double(), std::strtod(text, nullptr)) << text;
}

TEST(PythonText, KnowsTheNumbersThatJsonHasNot) {
  EXPECT_EQ(text_of(R"([NaN, Infinity, -Infinity, "NaN", "a\"b, NaN"])"), "[nan, inf, -inf, 'NaN', 'a\"b, NaN']");
}

TEST(PythonText, QuotesAndEscapesAsRepr) {
  EXPECT_EQ(text_of(R"(["it's"])"), "[\"it's\"]");
  EXPECT_EQ(text_of(R"(["it's \"x\""])"), R"(['it\'s "x"'])");
  EXPECT_EQ(text_of(R"(["a\nb\t\\\u0001\u00a0\u200b"])"), R"(['a\nb\t\\\x01\xa0\u200b'])");
  EXPECT_EQ(text_of("[\"\xC3\xA9\xF0\x9F\x99\x82\"]"), "['\xC3\xA9\xF0\x9F\x99\x82']");
}

TEST(PythonText, CountsCodePoints) {
  EXPECT_EQ(python_length("a\xC3\xA9\xF0\x9F\x99\x82"), 3u);
  EXPECT_EQ(python_prefix("a\xC3\xA9\xF0\x9F\x99\x82", 2), "a\xC3\xA9");
  EXPECT_EQ(python_prefix("ab", 5), "ab");
}

TEST(PythonText, RefusesWhatIsNoJson) {
  EXPECT_ANY_THROW(parse_python_json("{'a': 1}"));
  EXPECT_ANY_THROW(parse_python_json("[1.5.2]"));
}

}  // namespace
