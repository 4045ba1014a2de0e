#include "tests/train/records/scene.h"
#include "train/records/comparison.h"
#include "train/records/metrics.h"
#include "train/records/table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;
using scene::Play;

std::vector<RunRecord> records_of(const std::vector<Play>& plays) {
  std::vector<RunRecord> runs;
  for (const Play& play : plays)
    runs.push_back(play.record());
  return runs;
}

std::string single_blanks(std::string text) {
  const auto both_blank = [](char a, char b) { return a == ' ' && b == ' '; };
  text.erase(std::unique(text.begin(), text.end(), both_blank), text.end());
  return text;
}

const Play backprop{.label = "backprop", .method = "backprop", .epochs = 4, .decay = 0.5, .pace = 1};
const Play exact{.label = "exact", .method = "exact", .epochs = 4, .decay = 0.25, .pace = 1.5};

TEST(Comparison, TheSameLossIsReachedWhereTheCurvesSaySo) {
  const auto runs = summarize(records_of({backprop, exact}));
  EXPECT_DOUBLE_EQ(runs[0].final_train_loss, 0.125);
  EXPECT_DOUBLE_EQ(runs[1].seconds_to_baseline_loss, 3.0);  // 2 * 0.25^2 = 0.125 after two epochs of 1.5 s
  EXPECT_DOUBLE_EQ(runs[1].speed_up, 4.0 / 3.0);
  EXPECT_DOUBLE_EQ(runs[1].seconds_ratio, 1.5);
  EXPECT_DOUBLE_EQ(runs[0].speed_up, 1.0);
}

TEST(Comparison, BetweenEpochsTheCurveIsStraight) {
  std::vector<EpochEvent> epochs{exact.epoch(0), exact.epoch(1)};  // 2 at 0 s, 0.5 at 1.5 s
  EXPECT_DOUBLE_EQ(seconds_to_loss(epochs, 1.25), 0.75);
  EXPECT_DOUBLE_EQ(seconds_to_loss(epochs, 3), 0.0);
  EXPECT_TRUE(std::isnan(seconds_to_loss(epochs, 0.1)));
  epochs[1].train_loss = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(seconds_to_loss(epochs, 1)));
}

TEST(Comparison, TheBaselineIsBackpropWhereverItStands) {
  EXPECT_EQ(baseline_index(records_of({exact, backprop})), 1u);
  EXPECT_EQ(baseline_index(records_of({exact, exact})), 0u);
}

TEST(Comparison, TestAccuracyIsTakenWhereValidationIsBest) {
  auto runs = records_of({exact});
  runs[0].metrics.epochs[2].validation_accuracy = 0.99;
  EXPECT_EQ(summarize(runs)[0].best_epoch, 2);
  EXPECT_DOUBLE_EQ(summarize(runs)[0].test_accuracy, exact.epoch(2).test_accuracy);
  for (EpochEvent& epoch : runs[0].metrics.epochs)
    epoch.validation_accuracy = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(summarize(runs)[0].best_epoch, 4);
  EXPECT_TRUE(std::isnan(summarize(runs)[0].best_validation_accuracy));
}

TEST(Comparison, LabelsBecomeDistinct) {
  const TemporaryFolder folder;
  std::vector<fs::path> folders;
  for (const Play& play : {exact, exact, backprop}) {
    folders.push_back(folder.path() / std::to_string(folders.size()));
    fs::create_directory(folders.back());
    MetricsWriter writer(folders.back());
    play.tell(writer);
  }
  const auto runs = read_runs(folders);
  EXPECT_EQ(runs[0].label, "exact (0)");
  EXPECT_EQ(runs[1].label, "exact (1)");
  EXPECT_EQ(runs[2].label, "backprop");
}

TEST(Comparison, OnlyDifferingSettingsAreMarked) {
  for (const ConfigRow& row : compare_configs(records_of({backprop, exact}))) {
    EXPECT_EQ(row.values.size(), 2u);
    EXPECT_EQ(row.differs, row.key == "method.name") << row.key;
  }
}

TEST(Comparison, ARunThatHasNotBegunIsUnknownNotAnError) {
  auto runs = records_of({backprop, exact});
  for (RunRecord& run : runs)
    run.metrics = {run.metrics.start, {}, {}, {}};
  EXPECT_TRUE(std::isnan(summarize(runs)[1].final_train_loss));
  EXPECT_EQ(summarize(runs)[1].status, "unfinished");
  EXPECT_NE(comparison_table(runs).find("unfinished"), std::string::npos);
}

TEST(Table, LinesOfABlockAreEquallyLongAscii) {
  Play hostile = exact;
  hostile.label = "\x1b[31mred \xc3\xa9";
  std::istringstream lines(comparison_table(records_of({backprop, exact, hostile})));
  std::string first;
  std::getline(lines, first);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_EQ(line.size(), first.size()) << line;
    EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char c) { return c >= 0x20 && c <= 0x7e; })) << line;
  }
}

TEST(Table, SaysLossSpeedAndAccuracy) {
  const std::string table = single_blanks(comparison_table(records_of({backprop, exact})));
  for (const char* line :
       {"train loss, epoch 0 2.0000 2.0000\n", "train loss, epoch 4 0.12500 0.0078125\n",
        "best validation accuracy 90.00 % 90.00 %\n", "gradient evaluations 8.000 8.000\n",
        " ratio to backprop 1.00x 1.50x\n", "seconds to loss 0.12500 4.000 3.000\n",
        " speed-up to the same loss 1.00x 1.33x\n"}) {
    EXPECT_NE(table.find(line), std::string::npos) << line << "\n" << table;
  }
}

TEST(Table, LongRunsShowSelectedEpochsWithFirstAndLast) {
  Play play = exact;
  play.epochs = 200;
  play.decay = 0.99;
  const std::string table = comparison_table(records_of({play}), {.width = 100, .loss_rows = 5});
  size_t rows = 0;
  for (size_t at = 0; (at = table.find("train loss", at)) != std::string::npos; ++at)
    ++rows;
  EXPECT_EQ(rows, 5u);
  EXPECT_NE(table.find("epoch 0 "), std::string::npos);
  EXPECT_NE(table.find("epoch 200"), std::string::npos);
}

TEST(Table, NeverWiderThanTheTerminal) {
  std::istringstream lines(
      comparison_table(records_of({backprop, exact, exact, exact, exact}), {.width = 60, .loss_rows = 4}));
  for (std::string line; std::getline(lines, line);)
    EXPECT_LE(line.size(), 60u);
}

}  // namespace
}  // namespace proxprop::train
