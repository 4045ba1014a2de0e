#include "scene.h"

#include <nlohmann/json.hpp>

#include <sstream>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace fs = std::filesystem;
using namespace proxprop::test;

class Compare : public Scene {
 protected:
  /// The first line of metrics.jsonl with this "event".
  nlohmann::json event(const std::string& run, const std::string& kind) const {
    std::istringstream lines(read_file(path(run + "/metrics.jsonl")));
    for (std::string line; std::getline(lines, line);) {
      const auto object = nlohmann::json::parse(line);
      if (object.at("event") == kind)
        return object;
    }
    return {};
  }
};

TEST_F(Compare, WritesOneReportOverAllMethodsAndPrintsTheTable) {
  const Outcome outcome =
      run_small({"compare", "-q", "--methods=backprop,exact,cg3", "--epochs=2", "--out", path("c")});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  const std::string report = read_file(path("c/report.html"));
  for (const char* method : {"backprop", "exact", "cg3"}) {
    EXPECT_NE(outcome.out.find(method), std::string::npos) << method;
    EXPECT_NE(report.find(method), std::string::npos) << method;
    EXPECT_TRUE(fs::exists(path(std::string("c/") + method + "/run.json")));
  }
  EXPECT_NE(outcome.out.find(path("c/report.html")), std::string::npos);
}

TEST_F(Compare, MethodsStartFromTheSameParametersAndSeeTheSameBatches) {
  ASSERT_EQ(run_small({"compare", "-q", "--methods=backprop,exact,cg3", "--epochs=1", "--out", path("c")}).code, 0);
  for (const char* method : {"exact", "cg3"}) {
    // Epoch 0 is the state before training; the first batch's loss is taken before the first step.
    EXPECT_EQ(
        event(std::string("c/") + method, "epoch").at("train_loss"), event("c/backprop", "epoch").at("train_loss"));
    EXPECT_EQ(event(std::string("c/") + method, "step").at("loss"), event("c/backprop", "step").at("loss"));
  }
}

TEST_F(Compare, AMethodIsTrainedAsByItself) {
  ASSERT_EQ(run_small({"compare", "-q", "--methods=backprop,cg3", "--epochs=2", "--out", path("c")}).code, 0);
  ASSERT_EQ(run_small({"train", "-q", "--method=cg3", "--epochs=2", "--out", path("alone")}).code, 0);
  EXPECT_FALSE(weights(path("alone")).empty());
  EXPECT_EQ(weights(path("c/cg3")), weights(path("alone")));
}

TEST_F(Compare, ForceReplacesTheComparison) {
  ASSERT_EQ(run_small({"compare", "-q", "--methods=exact", "--epochs=1", "--out", path("c")}).code, 0);
  expect_error(run_small({"compare", "-q", "--methods=exact", "--epochs=2", "--out", path("c")}), 3, "--force");
  ASSERT_EQ(run_small({"compare", "-q", "--methods=exact", "--epochs=2", "--out", path("c"), "--force"}).code, 0);
  EXPECT_EQ(event("c/exact", "end").at("epochs"), 2);
}

TEST_F(Compare, AllMethodsAreCheckedBeforeTheFirstIsTrained) {
  expect_error(
      run_small({"compare", "--methods=backprop,exact", "--set", "exact.optimizer.momentum=0", "--out", path("c")}), 3,
      "optimizer.momentum > 0");
  EXPECT_FALSE(fs::exists(path("c")));
}

TEST_F(Compare, WhatIsFinishedIsReportedWhenALaterMethodFails) {
  ASSERT_EQ(run_small({"compare", "-q", "--methods=backprop,exact", "--epochs=1", "--out", path("c")}).code, 0);
  fs::remove(path("c/report.html"));
  const int held = ::open(path("c/exact").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(::flock(held, LOCK_EX | LOCK_NB), 0);
  // A comparison that would be replaced stays whole when one of its methods cannot go.
  expect_error(run_small({"compare", "-q", "--methods=backprop", "--force", "--out", path("c")}), 3, path("c/exact"));
  EXPECT_EQ(event("c/backprop", "end").at("epochs"), 1);
  const Outcome outcome = run({"compare", "-q", "--resume", "--out", path("c"), "--epochs=2", "--json"});
  ::close(held);
  EXPECT_EQ(outcome.code, 3) << outcome.err;
  EXPECT_NE(outcome.err.find(path("c/exact") + ": another proxprop is writing"), std::string::npos) << outcome.err;
  EXPECT_EQ(event("c/backprop", "end").at("epochs"), 2);
  EXPECT_EQ(nlohmann::json::parse(outcome.out).at("runs").size(), 2U);
  EXPECT_TRUE(fs::exists(path("c/report.html")));
}

TEST_F(Compare, ResumingRefusesSettingsForWhatIsNotCompared) {
  ASSERT_EQ(run_small({"compare", "-q", "--methods=exact", "--epochs=1", "--out", path("c")}).code, 0);
  expect_error(
      run({"compare", "-q", "--resume", "--out", path("c"), "--set", "exat.train.epochs=2"}), 2,
      "'exat' is not compared");
}

TEST_F(Compare, ADivergedMethodDoesNotStopTheOthers) {
  const Outcome outcome = run_small(
      {"compare", "-q", "--methods=backprop,exact", "--set", "backprop.optimizer.lr=1e30", "--epochs=1", "--out",
       path("c")});
  EXPECT_EQ(outcome.code, 5) << outcome.err;
  EXPECT_FALSE(weights(path("c/exact")).empty());
  EXPECT_TRUE(fs::exists(path("c/report.html")));
}

TEST_F(Compare, ReportIsWrittenAgainOverAnyRuns) {
  ASSERT_EQ(run_small({"compare", "-q", "--methods=backprop,exact", "--epochs=1", "--out", path("c")}).code, 0);
  fs::remove(path("c/report.html"));
  const Outcome whole = run({"report", path("c")});
  EXPECT_EQ(whole.code, 0) << whole.err;
  EXPECT_TRUE(fs::exists(path("c/report.html")));
  const Outcome chosen = run({"report", path("c/exact"), path("c/backprop"), "--out", path("chosen.html"), "--json"});
  ASSERT_EQ(chosen.code, 0) << chosen.err;
  const auto object = nlohmann::json::parse(chosen.out);
  EXPECT_EQ(object.at("runs").size(), 2U);
  EXPECT_EQ(object.at("runs")[0].at("label"), "exact");
  EXPECT_TRUE(fs::exists(path("chosen.html")));
  EXPECT_EQ(run({"report", path("c"), "--out", path("chosen.html")}).code, 0);
}

TEST_F(Compare, AReportReplacesNoOtherKindOfFile) {
  ASSERT_EQ(run_small({"compare", "-q", "--methods=exact", "--epochs=1", "--out", path("c")}).code, 0);
  write("thesis.tex", "mine");
  expect_error(run({"report", path("c"), "--out", path("thesis.tex")}), 2, "is no .html file");
  EXPECT_EQ(read_file(path("thesis.tex")), "mine");
}
