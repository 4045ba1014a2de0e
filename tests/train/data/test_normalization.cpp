#include "train/data/normalization.h"

#include "train/data/batch.h"
#include "train/data/dataset.h"
#include "train/data/synthetic.h"

#include "support/throws_data_error.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace proxprop::train::testing {
namespace {

const std::vector<std::string> kAll = {"none", "center", "standardize"};

/// Three channels of different brightness and contrast in all three parts, none of which looks like another.
Dataset uneven_dataset() {
  Dataset dataset;
  dataset.classes = 10;
  dataset.train = make_synthetic({.seed = 1}, 60, 0);
  dataset.validation = make_synthetic({.seed = 2, .noise = 5}, 20, 0);
  dataset.test = make_synthetic({.seed = 3, .noise = 90}, 20, 0);
  dataset.train.images.select(1, 1).floor_divide_(3);
  dataset.validation.images.select(1, 1).fill_(200);
  dataset.test.images.select(1, 0).fill_(3);
  return dataset;
}

at::Tensor inputs(const LabelledImages& data, at::ScalarType dtype = at::kDouble) {
  return to_batch(data, at::arange(data.records(), at::kLong), dtype, at::kCPU).first;
}

/// The definition, in float64.
at::Tensor expected(const LabelledImages& data, const LabelledImages& train, const std::string& normalization) {
  const at::Tensor pixels = train.images.to(at::kDouble) / 255;
  at::Tensor result = data.images.to(at::kDouble) / 255;
  if (normalization != "none")
    result = result - pixels.mean({0, 2, 3}, true);
  if (normalization == "standardize")
    result = result / pixels.std(std::vector<int64_t>{0, 2, 3}, false, true);
  return result;
}

TEST(Normalization, StandardizedTrainingRecordsHaveMeanZeroAndDeviationOneInEachChannel) {
  const at::Tensor x = inputs(normalized(uneven_dataset(), "standardize").train);
  EXPECT_LT(x.mean({0, 2, 3}).abs().max().item<double>(), 1e-12);
  EXPECT_LT((x.std(std::vector<int64_t>{0, 2, 3}, false, false) - 1).abs().max().item<double>(), 1e-12);
}

TEST(Normalization, CenteredTrainingRecordsHaveMeanZeroAndTheirOwnDeviation) {
  const Dataset dataset = uneven_dataset();
  const at::Tensor x = inputs(normalized(dataset, "center").train);
  const std::vector<double> deviation = channel_statistics(dataset.train.images).standard_deviation;
  EXPECT_LT(x.mean({0, 2, 3}).abs().max().item<double>(), 1e-12);
  const at::Tensor found = x.std(std::vector<int64_t>{0, 2, 3}, false, false);
  EXPECT_LT((found - at::tensor(deviation, at::kDouble)).abs().max().item<double>(), 1e-12);
}

TEST(Normalization, EveryPartIsMappedByTheTrainingRecordsStatistics) {
  const Dataset raw = uneven_dataset();
  for (const std::string& normalization : kAll) {
    const Dataset dataset = normalized(raw, normalization);
    for (auto part : {&Dataset::train, &Dataset::validation, &Dataset::test}) {
      const at::Tensor truth = expected(raw.*part, raw.train, normalization);
      EXPECT_LT((inputs(dataset.*part) - truth).abs().max().item<double>(), 1e-12) << normalization;
      EXPECT_LT((inputs(dataset.*part, at::kFloat) - truth).abs().max().item<double>(), 2e-6) << normalization;
    }
  }
}

TEST(Normalization, StatisticsComeFromTheTrainingRecordsAlone) {
  Dataset dataset = uneven_dataset();
  const at::Tensor before = inputs(normalized(dataset, "standardize").train);
  dataset.validation.images.fill_(255);
  dataset.test = {};
  EXPECT_TRUE(inputs(normalized(dataset, "standardize").train).equal(before));
  // The part of the training files that trains, not what else is in them.
  const Dataset small = normalized(load_dataset("synthetic", {}, 50, 500), "center");
  EXPECT_LT(inputs(small.train).mean({0, 2, 3}).abs().max().item<double>(), 1e-12);
}

TEST(Normalization, NoneIsTheDivisionBy255BitForBit) {
  const Dataset raw = uneven_dataset();
  const Dataset dataset = normalized(raw, "none");
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    EXPECT_TRUE(inputs(dataset.train, dtype).equal(raw.train.images.to(dtype).div_(255)));
  }
}

TEST(Normalization, OneChannelIsNormalizedAsAWhole) {
  Dataset dataset;
  dataset.train = make_synthetic({.channels = 1, .height = 28, .width = 28}, 30, 0);
  const at::Tensor x = inputs(normalized(dataset, "standardize").train);
  EXPECT_NEAR(x.mean().item<double>(), 0, 1e-12);
  EXPECT_NEAR(x.std(/*unbiased=*/false).item<double>(), 1, 1e-12);
}

TEST(Normalization, AChannelThatNeverVariesIsOnlyCentered) {
  Dataset dataset;
  dataset.train = {at::full({4, 1, 2, 2}, 51, at::kByte), at::zeros({4}, at::kLong)};
  EXPECT_LT(inputs(normalized(dataset, "standardize").train).abs().max().item<double>(), 1e-15);
}

TEST(Normalization, OtherNamesAreRefused) {
  EXPECT_TRUE(throws_data_error(
      [] { normalized(uneven_dataset(), "whiten"); }, {"data.normalization", "standardize", "'whiten'"}));
}

}  // namespace
}  // namespace proxprop::train::testing
