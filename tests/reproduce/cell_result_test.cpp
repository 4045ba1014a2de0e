#include "reproduce/cell_result.h"

#include "scene.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace proxprop;
using namespace proxprop::reproduce;

namespace {

CellResult read(const train::TemporaryFolder& folder, int64_t epochs, int64_t seeds = 1) {
  return read_cell(scene::cell(scene::config("exact", 0, epochs)), seeds, RunStore(folder.path(), scene::no_warning));
}

TEST(CellResult, IsTheMeanAndTheRangeOverTheSeeds) {
  const train::TemporaryFolder folder;
  scene::write_run(folder / "0", {scene::config("exact", 0), 3, "finished", 1, 1});
  scene::write_run(folder / "1", {scene::config("exact", 1), 3, "finished", 3, 3});
  const CellResult result = read(folder, 3, 2);
  EXPECT_EQ(result.seeds, 2);
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.epoch, (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(result.step, (std::vector<int64_t>{0, 10, 20, 30}));
  EXPECT_EQ(result.train_loss.mean, (std::vector<double>{4, 2, 4.0 / 3, 1}));
  EXPECT_EQ(result.train_loss.low.back(), 0.5);
  EXPECT_EQ(result.train_loss.high.back(), 1.5);
  EXPECT_EQ(result.final_train_loss.mean, 1);
  EXPECT_EQ(result.best_epoch.mean, 2);
  EXPECT_EQ(result.test_accuracy_at_best.mean, 0.6);
}

TEST(CellResult, HasEvaluationsAndMemoryWhereAllItsRunsRecordedThem) {
  const train::TemporaryFolder folder;
  scene::write_run(folder / "0", {scene::config("exact", 0), 3, "finished", 1, 1, 2, 500});
  scene::write_run(folder / "1", {scene::config("exact", 1), 3, "finished", 1, 3, 4, 700});
  const CellResult known = read(folder, 3, 2);
  EXPECT_EQ(known.evaluations, (std::vector<double>{0, 3, 6, 9}));
  EXPECT_EQ(known.at_best(known.evaluations), 6) << "the best epoch is 2, the mean of 1 and 3";
  EXPECT_EQ(known.peak_resident_bytes.mean, 600);
  EXPECT_EQ(known.peak_resident_bytes.high, 700);
  scene::write_run(folder / "2", {scene::config("exact", 2), 3});
  const CellResult old = read(folder, 3, 3);
  EXPECT_TRUE(old.evaluations.empty());
  EXPECT_TRUE(std::isnan(old.at_best(old.evaluations)));
  EXPECT_TRUE(std::isnan(old.peak_resident_bytes.mean));
}

TEST(CellResult, ALongerRunIsCutToTheEpochsAskedFor) {
  const train::TemporaryFolder folder;
  scene::write_run(folder / "0", {scene::config(), 9});
  const CellResult result = read(folder, 1);
  EXPECT_EQ(result.epoch.back(), 1);
  EXPECT_EQ(result.final_train_loss.mean, 1);
  EXPECT_EQ(result.best_validation_accuracy.mean, 0.5) << "the best epoch of the whole run is its second";
}

TEST(CellResult, AnUnfinishedRunCountsOnlyWhereThereIsNoOther) {
  const train::TemporaryFolder folder;
  scene::write_run(folder / "0", {scene::config("exact", 0), 2, "interrupted"});
  EXPECT_FALSE(read(folder, 3, 2).complete);
  EXPECT_EQ(read(folder, 3, 2).epoch.back(), 2);
  scene::write_run(folder / "1", {scene::config("exact", 1), 3});
  EXPECT_TRUE(read(folder, 3, 2).complete);
  EXPECT_EQ(read(folder, 3, 2).seeds, 1);
}

TEST(CellResult, OfARunThatDivergedKnowsTheStep) {
  const train::TemporaryFolder folder;
  scene::write_run(folder / "0", {scene::config(), 1, "diverged"});
  const CellResult result = read(folder, 3);
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.diverged, 1);
  EXPECT_EQ(result.diverged_at, 14);
  EXPECT_TRUE(std::isnan(result.final_train_loss.mean));
}

TEST(CellResult, ADivergenceAfterTheEpochsAskedForIsNone) {
  const train::TemporaryFolder folder;
  scene::write_run(folder / "0", {scene::config(), 3, "diverged"});
  EXPECT_EQ(read(folder, 2).diverged, 0);
  EXPECT_EQ(read(folder, 2).epoch.back(), 2);
}

TEST(Crossing, IsOnTheStraightLineBetweenThePoints) {
  const std::vector<double> x{0, 10, 20}, y{2, 1, 0.5};
  EXPECT_DOUBLE_EQ(crossing(x, y, 1.5), 5);
  EXPECT_DOUBLE_EQ(crossing(x, y, 0.75), 15);
  EXPECT_DOUBLE_EQ(crossing(x, y, 3), 0);
  EXPECT_TRUE(std::isnan(crossing(x, y, 0.1)));
  EXPECT_DOUBLE_EQ(crossing(x, {0.1, 0.5, 0.4}, 0.3, true), 5);
}

TEST(ValueAt, IsTheInverseOfCrossingAndCutToTheRange) {
  const std::vector<double> x{0, 10, 20}, y{2, 1, 0.5};
  EXPECT_DOUBLE_EQ(value_at(x, y, 5), 1.5);
  EXPECT_DOUBLE_EQ(value_at(x, y, 20), 0.5);
  EXPECT_DOUBLE_EQ(value_at(x, y, 99), 0.5);
  EXPECT_DOUBLE_EQ(value_at(x, y, -1), 2);
}

}  // namespace
