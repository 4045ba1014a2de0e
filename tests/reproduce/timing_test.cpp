#include "reproduce/timing.h"

#include "scene.h"
#include "train/data/dataset.h"

#include <gtest/gtest.h>

#include <fstream>

using namespace proxprop;
using namespace proxprop::reproduce;

namespace {

Cell small_cell(const std::string& method) {
  train::Config config = scene::config(method);
  config.model.hidden = {8};
  config.train.batch_size = 50;
  config.train.threads = 1;
  return scene::cell(config);
}

TEST(Timing, MeasuresEveryMethodBesideTheFirst) {
  const train::Dataset data = train::load_dataset("mnist-5k", {}, 200, -1);
  const Timing timing = measure_steps(
      {small_cell("backprop"), small_cell("exact")}, data, {"a machine", 0, ""}, [](const std::string&) {});
  ASSERT_EQ(timing.steps.size(), 2U);
  EXPECT_EQ(timing.steps[0].method, "backprop");
  EXPECT_EQ(timing.steps[0].ratio, 1);
  EXPECT_GT(timing.steps[1].seconds, 0);
  EXPECT_LE(timing.steps[1].ratio_q1, timing.steps[1].ratio);
  EXPECT_GE(timing.steps[1].ratio_q3, timing.steps[1].ratio);
  EXPECT_EQ(timing.find("cg3"), nullptr);
  EXPECT_DOUBLE_EQ(timing.steps[0].evaluations, 0.25) << "a batch is a quarter of the records";
}

TEST(Timing, IsReadAsItWasWritten) {
  const train::TemporaryFolder folder;
  EXPECT_FALSE(read_timing(folder / "timing.json"));
  const Timing timing{{{"backprop", 0.25, 1, 1, 1}, {"exact", 0.3, 1.2, 1.1, 1.3, 0.01}}, {"a machine", 2, "abc"}};
  write_timing(folder / "timing.json", timing);
  const auto read = read_timing(folder / "timing.json");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->find("exact")->seconds, 0.3);
  EXPECT_EQ(read->find("exact")->ratio_q3, 1.3);
  EXPECT_EQ(read->find("exact")->evaluations, 0.01);
  EXPECT_EQ(read->machine.threads, 2);
}

TEST(Timing, FromBeforeEvaluationsWereCountedSaysNone) {
  const train::TemporaryFolder folder;
  std::ofstream(folder / "timing.json")
      << R"({"schema_version": 1, "device": "cpu", "threads": 2, "sources": "abc", "steps": [{"method": "exact",
             "seconds": 0.5, "ratio": 1.0, "ratio_q1": 1.0, "ratio_q3": 1.0}]})";
  EXPECT_EQ(read_timing(folder / "timing.json")->find("exact")->evaluations, 0);
}

}  // namespace
