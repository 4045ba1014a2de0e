#include "train/data/idx.h"

#include "support/bytes.h"
#include "tests/train/temporary_folder.h"
#include "support/throws_data_error.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace proxprop::train::testing {
namespace {

RC_GTEST_PROP(IdxReaderProperty, ReadsWhatWasWritten, ()) {
  const auto sizes =
      *rc::gen::nonEmpty(rc::gen::resize(5, rc::gen::container<std::vector<uint32_t>>(rc::gen::inRange(0, 6))));
  RC_PRE(sizes.size() <= 5);
  size_t count = 1;
  for (const uint32_t size : sizes) {
    count *= size;
  }
  const Bytes elements = noise_bytes(count, *rc::gen::arbitrary<uint64_t>());
  const Bytes bytes = idx_bytes(sizes, elements);
  const TemporaryFolder folder;
  write_bytes(folder / "file", *rc::gen::arbitrary<bool>() ? gzip_bytes(bytes) : bytes);

  const at::Tensor read = read_idx(folder / "file");
  RC_ASSERT(read.scalar_type() == at::kByte);
  RC_ASSERT(read.sizes().vec() == std::vector<int64_t>(sizes.begin(), sizes.end()));
  RC_ASSERT(Bytes(read.data_ptr<uint8_t>(), read.data_ptr<uint8_t>() + read.numel()) == elements);
}

class IdxReader : public ::testing::Test {
 protected:
  std::filesystem::path file_of(const Bytes& bytes) const {
    write_bytes(file_, bytes);
    return file_;
  }
  ::testing::AssertionResult refuses(const Bytes& bytes, std::vector<std::string> parts) const {
    parts.push_back(file_.string());
    return throws_data_error([&] { read_idx(file_of(bytes), 1 << 20); }, parts);
  }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "some-idx3-ubyte";
};

TEST_F(IdxReader, RefusesMissingFile) {
  EXPECT_TRUE(throws_data_error([&] { read_idx(file_); }, {file_.string(), "no such file"}));
}

TEST_F(IdxReader, RefusesFolder) {
  EXPECT_TRUE(throws_data_error([&] { read_idx(folder_.path()); }, {folder_.path().string(), "regular file"}));
}

TEST_F(IdxReader, RefusesEmptyFile) {
  EXPECT_TRUE(refuses({}, {"at least 4 bytes", "found 0 bytes"}));
}

TEST_F(IdxReader, RefusesWrongMagic) {
  EXPECT_TRUE(refuses({1, 0, 8, 1, 0, 0, 0, 0}, {"magic", "0x01000801"}));
  EXPECT_TRUE(refuses({0, 0, 0x0d, 1, 0, 0, 0, 0}, {"magic", "unsigned bytes", "0x00000d01"}));
  EXPECT_TRUE(refuses({0, 0, 8, 0}, {"magic", "0x00000800"}));
  EXPECT_TRUE(refuses({0, 0, 8, 9}, {"magic", "0x00000809"}));
}

TEST_F(IdxReader, RefusesTruncatedHeader) {
  EXPECT_TRUE(refuses({0, 0, 8, 3, 0, 0, 0, 1}, {"header of 16 bytes", "found 8 bytes"}));
}

TEST_F(IdxReader, RefusesTruncatedFile) {
  EXPECT_TRUE(refuses(idx_bytes({2, 3}, Bytes(5)), {"expected 6 bytes", "2x3", "found 5 (truncated)"}));
}

TEST_F(IdxReader, RefusesTrailingBytes) {
  EXPECT_TRUE(refuses(idx_bytes({2, 3}, Bytes(7)), {"expected 6 bytes", "2x3", "found 7 (trailing bytes)"}));
}

TEST_F(IdxReader, RefusesSizesThatOverflow) {
  EXPECT_TRUE(
      refuses(idx_bytes({0xffffffff, 0xffffffff, 0xffffffff}, {}), {"at most", "4294967295x4294967295x4294967295"}));
  EXPECT_TRUE(refuses(idx_bytes({0, 0xffffffff, 0xffffffff, 0xffffffff}, {}), {"at most", "0x4294967295"}));
  EXPECT_TRUE(refuses(idx_bytes({0x80000000, 2}, {}), {"at most", "2147483648x2"}));
}

TEST_F(IdxReader, RefusesGzipBomb) {
  EXPECT_TRUE(refuses(gzip_bytes(Bytes(30'000'000)), {"unpack to at most"}));
}

TEST_F(IdxReader, RefusesTruncatedGzip) {
  Bytes packed = gzip_bytes(idx_bytes({1000}, noise_bytes(1000, 0)));
  packed.resize(packed.size() / 2);
  EXPECT_TRUE(refuses(packed, {"truncated"}));
}

TEST_F(IdxReader, ImagesHaveOneChannel) {
  const at::Tensor images = read_idx_images(file_of(idx_bytes({2, 3, 4}, noise_bytes(24, 0))));
  EXPECT_EQ(images.sizes().vec(), (std::vector<int64_t>{2, 1, 3, 4}));
}

TEST_F(IdxReader, ImagesRefuseAnotherNumberOfDimensions) {
  EXPECT_TRUE(throws_data_error(
      [&] {
        read_idx_images(file_of(idx_bytes({2, 3}, Bytes(6))));
      },
      {file_.string(), "3 dimensions", "found 2"}));
}

TEST_F(IdxReader, LabelsAreInt64) {
  const at::Tensor labels = read_idx_labels(file_of(idx_bytes({3}, {0, 9, 4})), 10);
  EXPECT_EQ(labels.scalar_type(), at::kLong);
  EXPECT_EQ(labels[1].item<int64_t>(), 9);
}

TEST_F(IdxReader, LabelsOutOfRangeAreRefused) {
  EXPECT_TRUE(throws_data_error(
      [&] {
        read_idx_labels(file_of(idx_bytes({3}, {0, 9, 10})), 10);
      },
      {file_.string(), "[0, 10)", "found 10 at record 2"}));
}

}  // namespace
}  // namespace proxprop::train::testing
