// SPDX-License-Identifier: Apache-2.0
#include "trainer/safetensors.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "formats/safetensors_file.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

using testing::HasSubstr;

const std::filesystem::path data = TRAINER_SOURCE_DIR "/tests/host/recorded";

std::string file_of(const std::string& header, const std::string& bytes = "") {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return out + header + bytes;
}

std::string error_of(const std::string& bytes) {
  const test::ScratchDirectory scratch;
  test::write(scratch / "model.safetensors", bytes);
  try {
    load_safetensors(scratch / "model.safetensors");
  } catch (const Error& error) {
    return error.sentence();
  }
  return "no error";
}

std::string tensor(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"t":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

TEST(Safetensors, WritesThePackagesBytes) {
  const test::ScratchDirectory scratch;
  NamedTensors tensors = load_safetensors(data / "types.safetensors");
  ASSERT_EQ(tensors.size(), 13);
  std::reverse(tensors.begin(), tensors.end());  // the order given does not matter
  save_safetensors(scratch / "out", tensors);
  EXPECT_EQ(test::contents(scratch / "out"), test::contents(data / "types.safetensors"));
}

TEST(Safetensors, ReadsEveryType) {
  for (const auto& [name, tensor] : load_safetensors(data / "types.safetensors")) {
    SCOPED_TRACE(name);
    if (name[0] == 'z') {
      EXPECT_EQ(tensor.dim(), 2);
      EXPECT_TRUE(at::equal(tensor.to(at::kLong), at::arange(tensor.size(1)).remainder(2).unsqueeze(0)));
    } else if (name == "a.scalar") {
      EXPECT_TRUE(at::equal(tensor, at::scalar_tensor(1.5)));
    } else if (name == "a.empty") {
      EXPECT_EQ(tensor.sizes(), (at::IntArrayRef{0, 4}));
    } else {
      EXPECT_EQ(name, "odd\"\\\n\t\xc3\xa9\x01");
    }
  }
}

TEST(Safetensors, RoundTrip) {
  const test::ScratchDirectory scratch;
  const at::Tensor wide = at::randn({4, 6});
  save_safetensors(scratch / "a", {{"t", wide.t()}, {"part", wide.slice(0, 1, 3)}});
  const NamedTensors back = load_safetensors(scratch / "a");
  EXPECT_EQ(back[0].first, "part");
  EXPECT_TRUE(at::equal(back[0].second, wide.slice(0, 1, 3)));
  EXPECT_TRUE(at::equal(back[1].second, wide.t()));
  save_safetensors(scratch / "b", {});
  EXPECT_TRUE(load_safetensors(scratch / "b").empty());
}

TEST(Safetensors, ReadsATensorIntoOneThatIsThere) {
  const test::ScratchDirectory scratch;
  save_safetensors(scratch / "a", {{"t", at::arange(6, at::kFloat)}});
  const SafetensorsFile file(scratch / "a");
  at::Tensor floats = at::empty({6}), doubles = at::empty({6}, at::kDouble), apart = at::empty({12}).slice(0, 0, 12, 2);
  for (at::Tensor* to : {&floats, &doubles, &apart}) {
    file.read(file.entries()[0], *to);
    EXPECT_TRUE(at::equal(to->to(at::kFloat), at::arange(6, at::kFloat)));
  }
  std::filesystem::resize_file(scratch / "a", std::filesystem::file_size(scratch / "a") - 1);
  EXPECT_THROW(file.read(file.entries()[0], floats), Error) << "cut short since it was opened";

  // A header whose length leaves the data at an odd place, as other programs write it.
  const std::string one_two("\0\0\x80\x3f\0\0\0\x40", 8);
  std::string header = tensor("F32", "[2]", "[0,8]");
  header.resize((header.size() + 7) / 8 * 8 + 3, ' ');
  test::write(scratch / "odd", file_of(header, one_two));
  EXPECT_TRUE(at::equal(load_safetensors(scratch / "odd")[0].second, at::arange(1, 3).to(at::kFloat)));
}

TEST(Safetensors, RefusesDamagedFiles) {
  const std::string floats(16, '\0');
  EXPECT_EQ(error_of(file_of(tensor("F32", "[4]", "[0,16]"), floats)), "no error");
  EXPECT_THAT(error_of(""), HasSubstr("found 0 bytes"));
  EXPECT_THAT(error_of("1234567"), HasSubstr("found 7 bytes"));
  EXPECT_THAT(error_of(std::string(8, '\xff')), HasSubstr("header length of 18446744073709551615"));
  EXPECT_THAT(error_of(file_of("[]")), HasSubstr("no '{'"));
  EXPECT_THAT(error_of(file_of("{\"t\":")), HasSubstr("header"));
  EXPECT_THAT(error_of(file_of(R"({"t":1})")), HasSubstr("tensor 't': found no object"));
  EXPECT_THAT(error_of(file_of(R"({"t":{}})")), HasSubstr("no text 'dtype'"));
  EXPECT_THAT(error_of(file_of(R"({"t":{"dtype":"F32"}})")), HasSubstr("no list 'shape'"));
  EXPECT_THAT(error_of(file_of(tensor("C64", "[2]", "[0,16]"), floats)),
              HasSubstr("found the type \"C64\", expected one of BOOL, U8"));
  EXPECT_THAT(error_of(file_of(tensor("F32", "[-4]", "[0,16]"), floats)), HasSubstr("found -4"));
  EXPECT_THAT(error_of(file_of(tensor("F32", "[4.0]", "[0,16]"), floats)), HasSubstr("found 4.0"));
  EXPECT_THAT(error_of(file_of(tensor("F32", "[4]", "[0]"), floats)), HasSubstr("no pair"));
  EXPECT_THAT(error_of(file_of(tensor("F32", "[4]", "[0,99]"), floats)), HasSubstr("[0, 99]"));
  EXPECT_THAT(error_of(file_of(tensor("F32", "[4]", "[16,0]"), floats)), HasSubstr("[16, 0]"));
  EXPECT_THAT(error_of(file_of(tensor("F32", "[3]", "[0,16]"), floats)), HasSubstr("found 16 bytes, expected 12"));
  EXPECT_THAT(error_of(file_of(tensor("F32", "[4294967296,4294967296]", "[0,16]"), floats)), HasSubstr("too large"));
  EXPECT_THAT(error_of(file_of(tensor("F32", "[0,4294967296,4294967296]", "[0,0]"))), HasSubstr("too large"));
  EXPECT_THAT(error_of(file_of(tensor("F32", "[3]", "[0,12]"), floats)),
              HasSubstr("found 16 bytes of data, expected 12"));
  EXPECT_THAT(error_of(file_of(tensor("F32", "[3]", "[4,16]"), floats)),
              HasSubstr("found its data at 4, expected it at 0"));
  EXPECT_THAT(error_of(file_of(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},)"
                               R"("b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})",
                               floats)),
              HasSubstr("tensor 'b': found its data at 8"));
  EXPECT_THAT(error_of(file_of(tensor("BOOL", "[1]", "[0,1]"), "\x02")), HasSubstr("booleans"));
}

TEST(Safetensors, CutFilesAreRefused) {
  const std::string whole = test::contents(data / "types.safetensors");
  for (std::size_t size = 0; size < whole.size(); size += 11) {
    ASSERT_THAT(error_of(whole.substr(0, size)), HasSubstr("model.safetensors")) << size;
  }
}

TEST(Safetensors, NamesTheFileThatItCannotUse) {
  const test::ScratchDirectory scratch;
  EXPECT_THROW(load_safetensors(scratch / "none"), Error);
  EXPECT_THROW(load_safetensors(scratch.path()), Error);
  EXPECT_THROW(save_safetensors(scratch.path() / "no" / "file", {}), Error);
  EXPECT_THROW(save_safetensors("/dev/full", {{"t", at::zeros({100'000})}}), Error);
  EXPECT_THROW(save_safetensors(scratch / "f", {{"t", at::zeros({1}, at::kComplexFloat)}}), Error);
  EXPECT_THROW(save_safetensors(scratch / "f", {{"t", at::ones({1})}, {"t", at::ones({1})}}), Error);
}

}  // namespace
}  // namespace trainer
