// SPDX-License-Identifier: Apache-2.0
#include "trainer/torch_file.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "python_text.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

using testing::HasSubstr;

const std::filesystem::path data = TRAINER_SOURCE_DIR "/tests/host/recorded";

TEST(TorchFile, RewritingTorchsFilesKeepsTheirValues) {
  const test::ScratchDirectory scratch;
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(data)) {
    if (entry.path().extension() != ".pt") continue;
    SCOPED_TRACE(entry.path());
    const c10::IValue value = read_torch_file(entry.path());
    EXPECT_TRUE(value.isGenericDict());
    write_torch_file(scratch / "again.pt", value);
    EXPECT_EQ(test::python_text(read_torch_file(scratch / "again.pt")), test::python_text(value));
    ++count;
  }
  EXPECT_GE(count, 20);
}

// torch.load(weights_only=True) refuses marks of container types and every class but tensors'.
TEST(TorchFile, HasNoTypeMarks) {
  const test::ScratchDirectory scratch;
  write_torch_file(scratch / "a.pt", read_torch_file(data / "adamw_torch_fused_0.pt"));
  const std::string bytes = test::contents(scratch / "a.pt");
  EXPECT_THAT(bytes, HasSubstr("_rebuild_tensor_v2"));
  EXPECT_THAT(bytes, testing::Not(HasSubstr("torch.jit._pickle")));
  EXPECT_THAT(bytes, testing::Not(HasSubstr("restore_type_tag")));
}

std::string error_of(const std::string& bytes) {
  const test::ScratchDirectory scratch;
  test::write(scratch / "optimizer.pt", bytes);
  try {
    read_torch_file(scratch / "optimizer.pt");
  } catch (const Error& error) {
    return error.sentence();
  }
  return "no error";
}

TEST(TorchFile, RefusesDamagedFiles) {
  EXPECT_THAT(error_of(""), HasSubstr("optimizer.pt: cannot read the file"));
  EXPECT_THAT(error_of("not an archive"), HasSubstr("optimizer.pt: cannot read the file"));
  const std::string whole = test::contents(data / "linear_1.pt");
  for (std::size_t size = 0; size < whole.size(); size += 23) {
    ASSERT_THAT(error_of(whole.substr(0, size)), HasSubstr("optimizer.pt")) << size;
  }
  // A damaged byte is found by the archive's checksums, or was not part of any value.
  for (std::size_t at = 0; at < whole.size(); at += 11) {
    std::string damaged = whole;
    damaged[at] ^= 0x55;
    error_of(damaged);
  }
}

// {"a": the numbers from 0 to 4999}
void write_range(const std::filesystem::path& path) {
  c10::impl::GenericDict dict(c10::AnyType::get(), c10::AnyType::get());
  dict.insert("a", at::arange(5000, at::kFloat));
  write_torch_file(path, dict);
}

// Python's torch.load refuses it too.
TEST(TorchFile, RefusesATensorThatIsLargerThanItsData) {
  const test::ScratchDirectory scratch;
  write_range(scratch / "a.pt");
  std::string bytes = test::contents(scratch / "a.pt");
  const std::string small = "M\x88\x13", large = "M\xff\xff";  // BININT2 5000, BININT2 65535
  std::size_t found = 0;
  for (std::size_t at = bytes.find(small); at != std::string::npos; at = bytes.find(small, at), ++found)
    bytes.replace(at, small.size(), large);
  ASSERT_EQ(found, 2u);  // the storage's elements and the tensor's
  EXPECT_THAT(error_of(bytes), HasSubstr("a tensor of 262140 bytes has 20000 bytes of data"));
}

// What zip programs other than torch may do: here the members are compressed, or stored one after the other.
TEST(TorchFile, ReadsCompressedAndUnalignedMembers) {
  const std::string expected = test::python_text(read_torch_file(data / "adamw_torch_fused_0.pt"));
  for (const char* name : {"adamw_compressed.pt", "adamw_unaligned.pt"})
    EXPECT_EQ(test::python_text(read_torch_file(data / name)), expected) << name;
}

TEST(TorchFile, TensorsOutliveTheReading) {
  const test::ScratchDirectory scratch;
  write_range(scratch / "a.pt");
  at::Tensor tensor = read_torch_file(scratch / "a.pt").toGenericDict().at("a").toTensor();
  tensor.mul_(2);
  std::filesystem::remove(scratch / "a.pt");
  EXPECT_TRUE(tensor.equal(at::arange(0, 10000, 2, at::kFloat)));
}

TEST(TorchFile, NamesTheFileThatItCannotUse) {
  const test::ScratchDirectory scratch;
  EXPECT_THROW(read_torch_file(scratch / "none"), Error);
  EXPECT_THROW(read_torch_file(scratch.path()), Error);
  const c10::IValue value = read_torch_file(data / "adamw_torch_fused_0.pt");
  EXPECT_THROW(write_torch_file(scratch.path() / "no" / "file", value), Error);
  EXPECT_THROW(write_torch_file("/dev/full", value), Error);
}

}  // namespace
}  // namespace trainer
