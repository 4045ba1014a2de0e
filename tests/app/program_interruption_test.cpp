// Killed, stopped, resumed: the weights are those of a run that was left alone, bit for bit.

#include "scene.h"

#include <nlohmann/json.hpp>

#include <csignal>

namespace fs = std::filesystem;
using namespace proxprop::test;

class Interruption : public Scene {
 protected:
  /// Long enough to be caught in the middle.
  std::vector<std::string> training(const std::string& out) const {
    return small({"train", "-q", "--epochs=30", "--method=cg3", "--out", path(out)});
  }
  std::string undisturbed_weights() {
    const Outcome outcome = run(training("undisturbed"));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return weights(path("undisturbed"));
  }
};

TEST_F(Interruption, ResumingAfterKill9GivesTheUndisturbedWeights) {
  Process process(folder, training("run"));
  ASSERT_TRUE(wait_for_checkpoint(process, path("run")));
  process.send(SIGKILL);
  ASSERT_EQ(process.wait().signal, SIGKILL);
  ASSERT_TRUE(weights(path("run")).empty()) << "the run was over before it was killed";

  const Outcome resumed = run({"train", "-q", "--resume", "--out", path("run")});
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_FALSE(weights(path("run")).empty());
  EXPECT_EQ(weights(path("run")), undisturbed_weights());
}

TEST_F(Interruption, TerminationSavesAndResumingGivesTheUndisturbedWeights) {
  for (const int signal : {SIGTERM, SIGINT}) {
    const std::string name = "run-" + std::to_string(signal);
    Process process(folder, training(name));
    ASSERT_TRUE(wait_for_checkpoint(process, path(name)));
    process.send(signal);
    const Outcome stopped = process.wait();
    ASSERT_EQ(stopped.code, 130) << stopped.err;
    EXPECT_NE(read_file(path(name + "/metrics.jsonl")).find("interrupted"), std::string::npos);
    EXPECT_TRUE(fs::exists(path(name + "/report.html")));

    ASSERT_EQ(run({"train", "-q", "--resume", "--out", path(name)}).code, 0);
    EXPECT_EQ(
        weights(path(name)),
        weights(path("undisturbed")).empty() ? undisturbed_weights() : weights(path("undisturbed")));
  }
}

TEST_F(Interruption, TwoProcessesDoNotWriteOneRun) {
  // Goes on until it is stopped, however long the second process takes to start.
  Process process(folder, small({"train", "-q", "--epochs=1000000", "--method=cg3", "--out", path("run")}));
  ASSERT_TRUE(wait_for_checkpoint(process, path("run")));
  expect_error(run({"train", "-q", "--resume", "--out", path("run")}), 3, "another proxprop is writing");
  process.send(SIGTERM);
  EXPECT_EQ(process.wait().code, 130);
}

TEST_F(Interruption, AKilledForceLeavesNoMixtureOfTwoComparisons) {
  ASSERT_EQ(run(small({"compare", "-q", "--methods=backprop,cg3,exact", "--epochs=1", "--out", path("c")})).code, 0);
  write("c/cg3/notes.txt", "mine");
  Process process(
      folder, small({"compare", "-q", "--methods=exact,backprop", "--epochs=1000000", "--force", "--out", path("c")}));
  // The folder held checkpoints before; only those of the new run come with a compare.json that says so.
  while (process.running() && read_file(path("c/compare.json")).find("\"epochs\": 1000000") == std::string::npos) {
  }
  ASSERT_TRUE(wait_for_checkpoint(process, path("c/exact")));
  process.send(SIGKILL);
  ASSERT_EQ(process.wait().signal, SIGKILL);
  EXPECT_FALSE(fs::exists(path("c/backprop/metrics.jsonl")));
  EXPECT_FALSE(fs::exists(path("c/cg3/run.json")));
  EXPECT_EQ(read_file(path("c/cg3/notes.txt")), "mine");
  const Outcome report = run({"report", path("c"), "--json"});
  ASSERT_EQ(report.code, 0) << report.err;
  EXPECT_EQ(nlohmann::json::parse(report.out).at("runs").size(), 1U);
}

TEST_F(Interruption, AComparisonGoesOnWithTheMethodThatWasStopped) {
  const std::vector<std::string> comparison =
      small({"compare", "-q", "--methods=backprop,exact,cg3", "--epochs=20", "--out", path("comparison")});
  Process process(folder, comparison);
  ASSERT_TRUE(wait_for_checkpoint(process, path("comparison/exact")));
  process.send(SIGTERM);
  ASSERT_EQ(process.wait().code, 130);
  EXPECT_FALSE(fs::exists(path("comparison/cg3/metrics.jsonl")));
  const auto finished = fs::last_write_time(path("comparison/backprop/metrics.jsonl"));

  const Outcome resumed = run({"compare", "-q", "--resume", "--out", path("comparison")});
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(fs::last_write_time(path("comparison/backprop/metrics.jsonl")), finished);
  for (const char* method : {"backprop", "exact", "cg3"}) {
    EXPECT_FALSE(weights(path(std::string("comparison/") + method)).empty()) << method;
  }
}
