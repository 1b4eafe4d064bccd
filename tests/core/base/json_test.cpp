// SPDX-License-Identifier: Apache-2.0
//
// Compared with what Python's json module and repr() give for the same input.
#include "trainer/json.hpp"
#include "base/commented_json.hpp"
#include "base/text.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#include "trainer/error.hpp"

namespace {

using trainer::Error;
using trainer::nearest;
using trainer::json::dump;
using trainer::json::parse;
using trainer::json::repr;

TEST(Json, ReprIsPythons) {
  EXPECT_EQ(repr(0.0), "0.0");
  EXPECT_EQ(repr(-0.0), "-0.0");
  EXPECT_EQ(repr(1.0), "1.0");
  EXPECT_EQ(repr(5e-5), "5e-05");
  EXPECT_EQ(repr(1e-4), "0.0001");
  EXPECT_EQ(repr(123456.0), "123456.0");
  EXPECT_EQ(repr(1e15), "1000000000000000.0");
  EXPECT_EQ(repr(1e16), "1e+16");
  EXPECT_EQ(repr(1.5e300), "1.5e+300");
  EXPECT_EQ(repr(static_cast<double>(0.1f)), "0.10000000149011612");
  EXPECT_EQ(repr(5e-324), "5e-324");
  EXPECT_EQ(repr(std::nan("")), "nan");
  EXPECT_EQ(repr(-std::numeric_limits<double>::infinity()), "-inf");
}

TEST(Json, NumbersAreReadToTheNearestDouble) {
  for (const char* text : {"18.4", "0.1", "5e-05", "0.30000000000000004", "1.7976931348623157e+308",
                           "2.2250738585072014e-308", "0.42857142857142855", "1e23"})
    EXPECT_EQ(repr(parse(text, "t").as_double()), repr(std::strtod(text, nullptr))) << text;
  EXPECT_TRUE(parse("1", "t").is_int64());
  EXPECT_TRUE(parse("1.0", "t").is_double());
  EXPECT_TRUE(std::isinf(parse("1e999", "t").as_double()));
}

TEST(Json, NaNAndInfinityAsPythonWritesThem) {
  const auto v = parse(R"({"a": NaN, "b": [Infinity, -Infinity], "NaN": "NaN \" Infinity"})", "t");
  EXPECT_TRUE(std::isnan(v.at("a").as_double()));
  EXPECT_GT(v.at("b").at(0).as_double(), 0);
  EXPECT_LT(v.at("b").at(1).as_double(), 0);
  EXPECT_EQ(v.at("NaN").as_string(), "NaN \" Infinity");
  EXPECT_EQ(dump(v), R"({"a": NaN, "b": [Infinity, -Infinity], "NaN": "NaN \" Infinity"})");
}

// However numbers are told from texts, no text is one.
TEST(Json, NoTextIsANumber) {
  for (const std::string text :
       {"\xee\x80\x80trainer:NaN", "\xee\x80\x80trainer:x", "nNaN", "sNaN", "n", "NaN", "-Infinity", ""})
    for (const std::string& json : {R"({"a": NaN, "key": ")" + text + "\"}", R"({"a": NaN, ")" + text + R"(": "key"})",
                                    R"({"key": ")" + text + "\"}"}) {
      const auto v = parse(json, "t");
      if (v.as_object().contains("key"))
        EXPECT_EQ(v.at("key").as_string(), text.c_str()) << json;
      else
        EXPECT_EQ(v.at(text).as_string(), "key") << json;
    }
  EXPECT_EQ(parse(R"([NaN, "\ue000trainer:NaN"])", "t").at(1).as_string(), "\xee\x80\x80trainer:NaN");
  for (const char* text : {R"({NaN: 1})", R"([NaN "a"])", R"(["NaN)", R"([NaN, "a\)", R"([1NaN])", R"([NaNs])"})
    EXPECT_THROW(parse(text, "t"), Error) << text;
}

TEST(Json, BytesThatAreNoUtf8AreWrittenAsJsonAllTheSame) {
  for (const std::string text : {"\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82"}) {
    const std::string written = dump(boost::json::string(text));
    EXPECT_THAT(written, testing::HasSubstr("\\ufffd")) << written;
    EXPECT_NO_THROW(parse(written, "t")) << written;
  }
  EXPECT_EQ(dump(boost::json::string("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f")),
            R"("\u00e9\u20ac\ud83d\ude00\u007f")");
}

TEST(Json, LayoutsArePythons) {
  const auto v = parse(R"({"b": [1, {"y": 2.0, "x": null}], "a": {}, "c": [], "d": "é😀\u0001"})", "t");
  EXPECT_EQ(dump(v, {.indent = 2, .sort_keys = true}),
            "{\n  \"a\": {},\n  \"b\": [\n    1,\n    {\n      \"x\": null,\n      \"y\": 2.0\n    "
            "}\n  ],\n"
            "  \"c\": [],\n  \"d\": \"\\u00e9\\ud83d\\ude00\\u0001\"\n}");
  EXPECT_EQ(dump(parse(R"({"a":[1,2]})", "t"), {.compact = true}), R"({"a":[1,2]})");
}

std::string error_of(const char* text) {
  try {
    parse(text, "run.json");
  } catch (const Error& e) {
    return e.sentence();
  }
  return "";
}

TEST(Json, ErrorsNameThePlace) {
  EXPECT_THAT(error_of("{\n \"a\": ,\n}"),
              testing::AllOf(testing::HasSubstr("run.json"), testing::HasSubstr("line 2")));
  EXPECT_THAT(error_of(R"({"a": 1, "a": 2})"), testing::HasSubstr("\"a\" appears twice"));
  EXPECT_THAT(error_of("[1] 2"), testing::HasSubstr("line 1, column 5"));
  EXPECT_FALSE(error_of("").empty());
  EXPECT_FALSE(error_of(std::string(100, '[').c_str()).empty());
}

TEST(Json, NearestName) {
  EXPECT_EQ(nearest("learning_rat", {"learning_rate", "logging_steps"}), "learning_rate");
  EXPECT_EQ(nearest("tensorbord", {"csv", "tensorboard"}), "tensorboard");
  EXPECT_EQ(nearest("zzzzzz", {"csv", "tensorboard"}), "");
}

TEST(Json, CommentsAndLastCommasOfWhatPeopleWrite) {
  using trainer::json::plain_json;
  EXPECT_EQ(plain_json("[1, // one\n2,]"), "[1,       \n2 ]");
  EXPECT_EQ(plain_json("{\"a\": 1, /* two\nlines */ }"), "{\"a\": 1        \n         }") << "places stay";
  for (const char* same :
       {"\"// no /* comment */,]\"", "[\"a\\\"// b\",\n\"c\"]", "[,]", "[1,,]", "{,}", "[1] /* open", "a / b", ""})
    EXPECT_EQ(plain_json(same), same);
  EXPECT_EQ(dump(parse(plain_json("{/**/\"a\": [1,[2,],{\"b\": NaN,},],}//"), "t")), "{\"a\": [1, [2], {\"b\": NaN}]}");
}

}  // namespace
