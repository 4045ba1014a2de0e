#include "train/data/cifar.h"

#include "support/bytes.h"
#include "tests/train/temporary_folder.h"
#include "support/throws_data_error.h"

#include <gtest/gtest.h>

namespace proxprop::train::testing {
namespace {

class CifarReader : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
  std::filesystem::path first_ = folder_ / "data_batch_1.bin", second_ = folder_ / "data_batch_2.bin";
};

TEST_F(CifarReader, RecordsOfSeveralFilesFollowOneAnother) {
  write_bytes(first_, cifar_bytes({{3}, {9}}));
  write_bytes(second_, cifar_bytes({{0}}));
  const LabelledImages data = read_cifar10({first_, second_});
  EXPECT_EQ(data.images.sizes().vec(), (std::vector<int64_t>{3, 3, 32, 32}));
  EXPECT_EQ(data.images.scalar_type(), at::kByte);
  EXPECT_EQ(data.labels.scalar_type(), at::kLong);
  const int64_t labels[] = {3, 9, 0}, pixels[] = {0, 1, 0};
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(data.labels[i].item<int64_t>(), labels[i]);
    EXPECT_TRUE(data.images[i].eq(pixels[i]).all().item<bool>());
  }
}

TEST_F(CifarReader, PlanesAreRedGreenBlueRowMajor) {
  Bytes record = {5};
  for (int i = 0; i < 3072; ++i) {
    record.push_back(static_cast<uint8_t>(i / 1024 * 80 + i % 1024 / 32 + i % 32));
  }
  write_bytes(first_, record);
  const at::Tensor image = read_cifar10({first_}).images[0];
  EXPECT_EQ(image[0][0][0].item<int>(), 0);
  EXPECT_EQ(image[1][2][3].item<int>(), 85);
  EXPECT_EQ(image[2][31][31].item<int>(), 222);
}

TEST_F(CifarReader, TheFineLabelOfCifar100Counts) {
  write_bytes(first_, cifar_bytes({{19, 99}, {0, 42}}));
  const LabelledImages data = read_cifar100({first_});
  EXPECT_EQ(data.labels[0].item<int64_t>(), 99);
  EXPECT_EQ(data.labels[1].item<int64_t>(), 42);
  EXPECT_TRUE(data.images[1].eq(1).all().item<bool>());
}

TEST_F(CifarReader, RefusesMissingFile) {
  EXPECT_TRUE(throws_data_error([&] { read_cifar10({first_}); }, {first_.string(), "no such file"}));
}

TEST_F(CifarReader, RefusesTruncatedFile) {
  Bytes bytes = cifar_bytes({{1}, {2}});
  bytes.pop_back();
  write_bytes(first_, bytes);
  EXPECT_TRUE(throws_data_error([&] { read_cifar10({first_}); }, {first_.string(), "3073 bytes", "found 6145 bytes"}));
}

TEST_F(CifarReader, RefusesEmptyFile) {
  write_bytes(first_, {});
  EXPECT_TRUE(throws_data_error([&] { read_cifar10({first_}); }, {first_.string(), "found 0 bytes"}));
}

TEST_F(CifarReader, RefusesAnotherNumberOfRecords) {
  write_bytes(first_, cifar_bytes({{1}, {2}}));
  EXPECT_TRUE(
      throws_data_error([&] { read_cifar10({first_}, 3); }, {first_.string(), "3 records", "9219", "found 6146"}));
}

TEST_F(CifarReader, RefusesLabelsOutOfRange) {
  write_bytes(first_, cifar_bytes({{9}, {10}}));
  EXPECT_TRUE(throws_data_error([&] { read_cifar10({first_}); }, {first_.string(), "[0, 10)", "found 10 at record 1"}));
  write_bytes(first_, cifar_bytes({{20, 5}}));
  EXPECT_TRUE(
      throws_data_error([&] { read_cifar100({first_}); }, {first_.string(), "[0, 20)", "found 20 at record 0"}));
  write_bytes(first_, cifar_bytes({{5, 100}}));
  EXPECT_TRUE(
      throws_data_error([&] { read_cifar100({first_}); }, {first_.string(), "[0, 100)", "found 100 at record 0"}));
}

}  // namespace
}  // namespace proxprop::train::testing
