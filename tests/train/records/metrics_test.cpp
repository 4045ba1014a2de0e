#include "tests/train/records/scene.h"
#include "train/records/epoch_csv.h"
#include "train/records/event_json.h"
#include "train/records/metrics.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;
using scene::content;
using scene::Play;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::string jsonl(const TemporaryFolder& folder) {
  return content(folder.path() / "metrics.jsonl");
}
std::string csv(const TemporaryFolder& folder) {
  return content(folder.path() / "metrics.csv");
}

// Plays up to step `killed_at`, appends `torn` as a dying process might, resumes at step `checkpoint` and plays to the
// end.
void play_with_interruption(
    const Play& play, const TemporaryFolder& folder, int64_t killed_at, const std::string& torn, int64_t checkpoint) {
  MetricsWriter first(folder.path());
  play.tell(first, 0, killed_at);
  scene::put(folder.path() / "metrics.jsonl", jsonl(folder) + torn);
  MetricsWriter second(folder.path());
  play.tell(second, checkpoint, play.epochs * Play::batches);
}

TEST(Metrics, TheEndSaysRanksAndMemoryWhereItKnowsThem) {
  RunEnd end;
  end.status = "finished";
  const Json plain = event_to_json(end);
  EXPECT_FALSE(plain.contains("ranks"));
  EXPECT_FALSE(plain.contains("peak_resident_bytes")) << "a record from before it was measured stays as it is";
  EXPECT_EQ(std::get<RunEnd>(*event_from_json(plain)).ranks, 1);
  end.ranks = 2;
  end.bytes_per_step = 8;
  end.peak_resident_bytes = 123'456'789'012;
  const RunEnd again = std::get<RunEnd>(*event_from_json(event_to_json(end)));
  EXPECT_EQ(again.ranks, 2);
  EXPECT_EQ(again.bytes_per_step, 8);
  EXPECT_EQ(again.peak_resident_bytes, 123'456'789'012);
}

TEST(Metrics, ResumeDropsEventsAfterTheCheckpoint) {
  const Play play;
  const TemporaryFolder folder;
  MetricsWriter first(folder.path());
  play.tell(first);
  MetricsWriter second(folder.path());
  play.tell(second, 6, 6);
  const Metrics metrics = read_metrics(folder.path() / "metrics.jsonl");
  EXPECT_EQ(metrics.steps.back().step, 6);
  EXPECT_EQ(metrics.epochs.back().epoch, 1);
  EXPECT_FALSE(metrics.end.has_value());
}

TEST(Metrics, ResumedFilesEqualThoseOfAnUndisturbedRun) {
  const Play play{.epochs = 2};
  const TemporaryFolder undisturbed;
  MetricsWriter writer(undisturbed.path());
  play.tell(writer);
  const std::vector<std::string> tails{"", "{\"event\":\"st", "{\"event\":\"step\",\"step\":7}", std::string(3, '\0')};
  for (int64_t killed_at = 1; killed_at <= play.epochs * Play::batches; ++killed_at) {
    for (int64_t checkpoint = 1; checkpoint <= killed_at; ++checkpoint) {
      const TemporaryFolder disturbed;
      play_with_interruption(
          play, disturbed, killed_at, tails[static_cast<size_t>(checkpoint) % tails.size()], checkpoint);
      EXPECT_EQ(jsonl(disturbed), jsonl(undisturbed)) << killed_at << " " << checkpoint;
      EXPECT_EQ(csv(disturbed), csv(undisturbed)) << killed_at << " " << checkpoint;
    }
  }
}

TEST(Metrics, AnEventIsNotRecordedTwice) {
  // The checkpoint of step 4 was written after epoch 1 had been told; a loop may tell it again when it resumes.
  const Play play;
  const TemporaryFolder folder;
  MetricsWriter first(folder.path());
  play.tell(first, 0, 4);
  MetricsWriter second(folder.path());
  play.tell(second, 4, 4);
  second.on_epoch(play.epoch(1));
  EXPECT_EQ(read_metrics(folder.path() / "metrics.jsonl").epochs.size(), 2u);
}

TEST(Metrics, EveryEventIsInTheFileAtOnce) {
  const Play play;
  const TemporaryFolder folder;
  MetricsWriter writer(folder.path());
  writer.on_start(play.start());
  writer.on_step(play.step(1));
  EXPECT_EQ(read_metrics(folder.path() / "metrics.jsonl").steps.size(), 1u);
}

TEST(Metrics, LinesAreEventsInTheirOrder) {
  const TemporaryFolder folder;
  MetricsWriter writer(folder.path());
  Play{.epochs = 1}.tell(writer);
  std::istringstream lines(jsonl(folder));
  std::string names;
  for (std::string line; std::getline(lines, line);)
    names += Json::parse(line)["event"].get<std::string>() + " ";
  EXPECT_EQ(names, "start epoch step step step step epoch end ");
}

TEST(Metrics, NotANumberIsNullAndComesBack) {
  EpochEvent epoch;
  epoch.validation_loss = nan;
  epoch.train_loss = std::numeric_limits<double>::infinity();
  const Json json = Json::parse(json_text(event_to_json(epoch)));
  EXPECT_TRUE(json["validation_loss"].is_null());
  EXPECT_TRUE(json["train_loss"].is_null());
  EXPECT_TRUE(std::isnan(std::get<EpochEvent>(*event_from_json(json)).validation_loss));
}

TEST(Metrics, ADamagedLineInTheMiddleIsNamed) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "metrics.jsonl";
  scene::put(path, "{\"event\":\"end\"}\n{\"event\":\n{\"event\":\"end\"}\n");
  EXPECT_EQ(scene::error_of([&] { read_metrics(path); }), path.string() + ", line 2: the line is not valid JSON");
  scene::put(path, "{\"event\":\"step\",\"step\":\"x\"}\n");
  EXPECT_EQ(scene::error_of([&] { read_metrics(path); }), path.string() + ", line 1: step must be an integer");
}

TEST(Metrics, EventsOfANewerVersionAreSkipped) {
  const TemporaryFolder folder;
  scene::put(folder.path() / "metrics.jsonl", "{\"event\":\"weather\"}\n{\"event\":\"step\",\"step\":3}\n");
  EXPECT_EQ(read_metrics(folder.path() / "metrics.jsonl").steps.at(0).step, 3);
}

TEST(Metrics, StartComesBackWhole) {
  const RunStart start = Play().start();
  const auto back = std::get<RunStart>(*event_from_json(event_to_json(start)));
  EXPECT_EQ(event_to_json(back), event_to_json(start));
  EXPECT_EQ(back.plan.at(0).route, "sample Gram");
  EXPECT_EQ(back.parameters, start.parameters);
}

TEST(Metrics, EnergiesComeBackAndAreDroppedAfterTheCheckpoint) {
  const Play play;
  const TemporaryFolder folder;
  MetricsWriter first(folder.path());
  play.tell(first, 0, 2);
  const EnergyEvent early{2, 0.5, "z", 3, 1.25, 0.5};
  EnergyEvent late = early;
  late.step = 3;
  first.on_energy(early);
  first.on_energy(late);
  MetricsWriter second(folder.path());
  play.tell(second, 2, 2);
  const Metrics metrics = read_metrics(folder.path() / "metrics.jsonl");
  ASSERT_EQ(metrics.energies.size(), 1u);
  EXPECT_EQ(event_to_json(metrics.energies[0]), event_to_json(early));
}

RC_GTEST_PROP(Metrics, StepsRoundTripThroughText, ()) {
  const auto finite =
      rc::gen::suchThat(rc::gen::arbitrary<double>(), [](double value) { return std::isfinite(value); });
  const StepEvent step{*rc::gen::arbitrary<int64_t>(), *finite, *finite, *finite, *finite};
  const auto back = std::get<StepEvent>(*event_from_json(Json::parse(json_text(event_to_json(step)))));
  RC_ASSERT(back.step == step.step);
  RC_ASSERT(back.epoch == step.epoch);
  RC_ASSERT(back.loss == step.loss);
  RC_ASSERT(back.seconds == step.seconds);
  RC_ASSERT(back.lr == step.lr);
}

RC_GTEST_PROP(EpochCsv, RowsRoundTrip, ()) {
  const auto finite =
      rc::gen::suchThat(rc::gen::arbitrary<double>(), [](double value) { return std::isfinite(value); });
  EpochEvent epoch;
  epoch.epoch = *rc::gen::arbitrary<int64_t>();
  epoch.train_loss = *finite;
  epoch.validation_loss = nan;
  std::istringstream row(epoch_csv_row(epoch));
  std::vector<std::string> fields;
  for (std::string field; std::getline(row, field, ',');)
    fields.push_back(field);
  RC_ASSERT(fields.size() == 11u);
  RC_ASSERT(std::stoll(fields[0]) == epoch.epoch);
  RC_ASSERT(std::strtod(fields[3].c_str(), nullptr) == epoch.train_loss);
  RC_ASSERT(fields[5].empty());
}

TEST(EpochCsv, HeaderNamesEachField) {
  const std::string header = epoch_csv_header();
  const std::string row = epoch_csv_row(EpochEvent());
  EXPECT_EQ(std::count(header.begin(), header.end(), ','), std::count(row.begin(), row.end(), ','));
  EXPECT_TRUE(header.starts_with("epoch,step,seconds,train_loss,"));
}

}  // namespace
}  // namespace proxprop::train
