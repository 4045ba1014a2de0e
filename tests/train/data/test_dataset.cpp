#include "train/data/dataset.h"

#include "train/data/locate.h"

#include "support/bytes.h"
#include "tests/train/temporary_folder.h"
#include "support/throws_data_error.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>

namespace proxprop::train::testing {
namespace {

namespace fs = std::filesystem;

/// Sets or unsets PROXPROP_DATA for one test.
class DataVariable {
 public:
  explicit DataVariable(const char* value) {
    if (const char* old = std::getenv(kName))
      old_ = old;
    value != nullptr ? setenv(kName, value, 1) : unsetenv(kName);
  }
  ~DataVariable() { old_ ? setenv(kName, old_->c_str(), 1) : unsetenv(kName); }
  DataVariable(const DataVariable&) = delete;
  DataVariable& operator=(const DataVariable&) = delete;

 private:
  static constexpr const char* kName = "PROXPROP_DATA";
  std::optional<std::string> old_;
};

/// A well-formed data set in MNIST's format with few records.
void write_idx_set(const fs::path& folder, uint32_t train, uint32_t test, const std::string& suffix = "") {
  const auto write = [&](const std::string& name, const Bytes& bytes) {
    write_bytes(folder / (name + suffix), suffix.empty() ? bytes : gzip_bytes(bytes));
  };
  for (const auto& [prefix, records] : {std::pair<std::string, uint32_t>{"train", train}, {"t10k", test}}) {
    write(prefix + "-images-idx3-ubyte", idx_bytes({records, 28, 28}, Bytes(records * size_t{784})));
    write(prefix + "-labels-idx1-ubyte", idx_bytes({records}, Bytes(records)));
  }
}

TEST(KnownDatasets, SayWhatIsLoaded) {
  for (const std::string name : {"mnist-5k", "synthetic"}) {
    const DatasetInfo& info = dataset_info(name);
    const Dataset data = load_dataset(name, {}, 0, -1);
    EXPECT_EQ(data.name, name);
    EXPECT_EQ(data.classes, info.classes);
    EXPECT_EQ(data.train.records() + data.validation.records(), info.train_records);
    EXPECT_EQ(data.validation.records(), info.default_validation);
    EXPECT_EQ(data.test.records(), info.test_records);
    EXPECT_EQ(
        data.train.images.sizes().vec(),
        (std::vector<int64_t>{info.train_records - info.default_validation, info.channels, info.height, info.width}));
    EXPECT_EQ(static_cast<int64_t>(data.class_names.size()), info.classes);
    EXPECT_LT(data.train.labels.max().item<int64_t>(), info.classes);
  }
}

TEST(KnownDatasets, UnknownNameListsTheKnownOnes) {
  EXPECT_TRUE(throws_data_error(
      [] { load_dataset("cifar", {}, 0, -1); },
      {"\"cifar\"", "mnist-5k, mnist, fashion-mnist, cifar10, cifar100, synthetic"}));
}

TEST(EmbeddedDataset, HasTheSameNumberOfEachDigit) {
  const DataVariable unset(nullptr);
  const Dataset data = load_dataset("mnist-5k", {}, 0, 0);
  for (int64_t digit = 0; digit < 10; ++digit) {
    EXPECT_EQ(data.train.labels.eq(digit).sum().item<int64_t>(), 400);
    EXPECT_EQ(data.test.labels.eq(digit).sum().item<int64_t>(), 100);
  }
  EXPECT_EQ(data.train.images.min().item<int>(), 0);
  EXPECT_EQ(data.train.images.max().item<int>(), 255);
}

TEST(EmbeddedDataset, IsFoundWhenTheDataFolderHoldsMnistItself) {
  const TemporaryFolder folder;
  write_idx_set(folder.path(), 3, 2);
  const DataVariable variable(folder.path().c_str());
  EXPECT_EQ(load_dataset("mnist-5k", {}, 0, 0).train.records(), 4000);
}

TEST(EmbeddedDataset, IsNotTakenForAFolderThatIsNamed) {
  const TemporaryFolder folder;
  EXPECT_TRUE(
      throws_data_error([&] { load_dataset("mnist-5k", folder.path(), 0, 0); }, {"mnist-5k", folder.path().string()}));
}

TEST(Split, TheFirstRecordsTrainAndTheLastValidate) {
  const Dataset all = load_dataset("synthetic", {}, 0, 0);
  const Dataset parts = load_dataset("synthetic", {}, 100, 200);
  EXPECT_EQ(all.validation.records(), 0);
  EXPECT_TRUE(parts.train.images.equal(all.train.images.narrow(0, 0, 100)));
  EXPECT_TRUE(parts.validation.images.equal(all.train.images.narrow(0, 4300, 200)));
  EXPECT_TRUE(parts.validation.labels.equal(all.train.labels.narrow(0, 4300, 200)));
}

TEST(Split, RefusesSizesThatOverlap) {
  EXPECT_TRUE(throws_data_error([] { load_dataset("synthetic", {}, 4500, 1); }, {"synthetic", "4500", "train_size"}));
  EXPECT_TRUE(throws_data_error([] { load_dataset("synthetic", {}, 4001, -1); }, {"4001", "500 (the default)"}));
  EXPECT_TRUE(throws_data_error([] { load_dataset("synthetic", {}, 0, 4500); }, {"validation_size 4500"}));
  EXPECT_TRUE(throws_data_error([] { load_dataset("synthetic", {}, -1, 0); }, {"train_size -1"}));
  EXPECT_TRUE(throws_data_error([] { load_dataset("synthetic", {}, 1, INT64_MAX); }, {"validation_size"}));
}

TEST(FindDataset, TakesTheCompressedFileThatIsFetchedBeforeAnUnpackedOne) {
  const TemporaryFolder folder;
  write_text(folder / "labels", "torn");
  EXPECT_EQ(plain_or_gzip(folder.path(), "labels"), folder / "labels");
  write_text(folder / "labels.gz", "whole");
  EXPECT_EQ(plain_or_gzip(folder.path(), "labels"), folder / "labels.gz");
}

TEST(FindDataset, LooksIntoTheSubFolderFirst) {
  const TemporaryFolder folder;
  write_idx_set(folder.path(), 3, 2, ".gz");
  EXPECT_EQ(find_dataset("mnist", folder.path()), folder.path());
  write_idx_set(folder / "mnist", 3, 2);
  EXPECT_EQ(find_dataset("mnist", folder.path()), folder / "mnist");
}

TEST(FindDataset, PassesOverAFolderOfAnotherDataset) {
  const TemporaryFolder folder;
  write_idx_set(folder / "mnist", 3, 2);
  EXPECT_EQ(find_dataset("mnist", folder / "mnist"), folder / "mnist");
  EXPECT_EQ(find_dataset("fashion-mnist", folder / "mnist/"), "");
  EXPECT_EQ(find_dataset("fashion-mnist", folder.path()), "");
}

TEST(FindDataset, UsesTheVariableWhenNoFolderIsNamed) {
  const TemporaryFolder folder, other;
  write_idx_set(folder / "mnist", 3, 2);
  const DataVariable variable(folder.path().c_str());
  EXPECT_EQ(find_dataset("mnist", {}), folder / "mnist");
  EXPECT_EQ(find_dataset("mnist", other.path()), "");
}

TEST(FindDataset, NeedsEveryFile) {
  const TemporaryFolder folder;
  write_idx_set(folder / "mnist", 3, 2);
  fs::remove(folder / "mnist/t10k-labels-idx1-ubyte");
  EXPECT_EQ(find_dataset("mnist", folder.path()), "");
  EXPECT_TRUE(throws_data_error(
      [&] { load_dataset("mnist", folder.path(), 0, -1); }, {"t10k-labels-idx1-ubyte is missing", "data fetch mnist"}));
}

TEST(FindDataset, SaysWhatToDoWhenNothingIsNamed) {
  const DataVariable unset(nullptr);
  EXPECT_TRUE(throws_data_error(
      [] { load_dataset("cifar10", {}, 0, -1); }, {"cifar10", "PROXPROP_DATA", "data fetch cifar10"}));
}

TEST(LoadDataset, RefusesAnotherNumberOfRecords) {
  const TemporaryFolder folder;
  write_idx_set(folder.path(), 3, 2);
  EXPECT_TRUE(throws_data_error(
      [&] { load_dataset("mnist", folder.path(), 0, -1); },
      {"train-images-idx3-ubyte", "expected 60000 records", "found 3"}));
}

TEST(LoadDataset, RefusesAnotherNumberOfLabels) {
  const TemporaryFolder folder;
  write_idx_set(folder.path(), 4000, 1000);
  write_bytes(folder / "t10k-labels-idx1-ubyte", idx_bytes({999}, Bytes(999)));
  EXPECT_TRUE(throws_data_error(
      [&] { load_dataset("mnist-5k", folder.path(), 0, -1); },
      {"t10k-labels-idx1-ubyte", "expected 1000 records", "found 999"}));
}

TEST(LoadDataset, RefusesAnotherImageSize) {
  const TemporaryFolder folder;
  write_idx_set(folder.path(), 4000, 1000);
  write_bytes(folder / "t10k-images-idx3-ubyte", idx_bytes({1000, 14, 56}, Bytes(784'000)));
  EXPECT_TRUE(throws_data_error(
      [&] { load_dataset("mnist-5k", folder.path(), 0, -1); }, {"t10k-images-idx3-ubyte", "28x28", "found 14x56"}));
}

/// CIFAR-10 itself: 180 MB that are not in the repository.
class Cifar10 : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const fs::path& dir : {fs::path(), fs::path(PROXPROP_TEST_SHARED_DATA)}) {
      if (!find_dataset("cifar10", dir).empty()) {
        data_ = load_dataset("cifar10", dir, 0, -1);
        return;
      }
    }
    GTEST_SKIP() << "NOT TESTED: CIFAR-10 is neither in $PROXPROP_DATA nor in " << PROXPROP_TEST_SHARED_DATA
                 << "; proxprop data fetch cifar10 brings it";
  }

  Dataset data_;
};

TEST_F(Cifar10, HasTheSplitOfThePaper) {
  EXPECT_EQ(data_.train.images.sizes().vec(), (std::vector<int64_t>{45000, 3, 32, 32}));
  EXPECT_EQ(data_.validation.records(), 5000);
  EXPECT_EQ(data_.test.records(), 10000);
  EXPECT_EQ(data_.class_names.front(), "airplane");
  EXPECT_EQ(data_.class_names.back(), "truck");
  for (int64_t label = 0; label < 10; ++label) {
    EXPECT_EQ(data_.test.labels.eq(label).sum().item<int64_t>(), 1000);
  }
}

TEST_F(Cifar10, HasThePublishedMomentsOfEachChannel) {
  std::array<std::array<int64_t, 256>, 3> counts{};
  for (const LabelledImages& part : {data_.train, data_.validation}) {
    const uint8_t* pixel = part.images.data_ptr<uint8_t>();
    for (int64_t plane = 0; plane < part.records() * 3; ++plane) {
      for (int i = 0; i < 1024; ++i) {
        ++counts[static_cast<size_t>(plane % 3)][*pixel++];
      }
    }
  }
  const double means[] = {0.4914, 0.4822, 0.4465}, deviations[] = {0.2470, 0.2435, 0.2616};
  for (size_t channel = 0; channel < 3; ++channel) {
    double sum = 0, squares = 0;
    for (size_t value = 0; value < 256; ++value) {
      const double x = static_cast<double>(value) / 255;
      sum += x * static_cast<double>(counts[channel][value]);
      squares += x * x * static_cast<double>(counts[channel][value]);
    }
    const double mean = sum / (50000.0 * 1024);
    EXPECT_NEAR(mean, means[channel], 6e-5);
    EXPECT_NEAR(std::sqrt(squares / (50000.0 * 1024) - mean * mean), deviations[channel], 6e-5);
  }
}

}  // namespace
}  // namespace proxprop::train::testing
