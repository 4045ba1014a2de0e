// Stopped, killed, started again, taken over, diverged: `proxprop reproduce` always ends up with the same runs.

#include "scene.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <thread>

namespace fs = std::filesystem;
using namespace proxprop::test;

class Reproduce : public Scene {
 protected:
  Reproduce() {
    write(
        "small.toml",
        "[experiment]\ntitle = \"Small\"\nremarks = \"Because.\"\n"
        "[[experiment.paper]]\nwho = \"BackProp\"\nmethods = [\"backprop\"]\ntest_accuracy = 0.5\n"
        "[compare]\nmethods = [\"backprop\", \"exact\"]\n"
        "[data]\ntrain_size = 400\n[model]\nhidden = [24]\n"
        "[train]\nepochs = 2\nbatch_size = 100\nthreads = 1\nseed = 3\nsave_every = 0.5\n");
  }

  std::vector<std::string> command(std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {"reproduce", path("small.toml"), "--out", path("out"), "--no-time"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  /// The folder of the only run of the method.
  fs::path run_of(const std::string& method, const std::string& out = "out") const {
    fs::path found;
    for (const auto& entry : fs::directory_iterator(folder / out / "runs")) {
      if (entry.path().filename().string().starts_with(method + "-")) {
        EXPECT_TRUE(found.empty()) << "two runs of " << method;
        found = entry.path();
      }
    }
    return found;
  }

  int runs(const std::string& out = "out") const {
    return int(std::distance(fs::directory_iterator(folder / out / "runs"), fs::directory_iterator()));
  }
};

TEST_F(Reproduce, RunsWhatIsMissingAndNothingTwice) {
  const Outcome first = run(command());
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(runs(), 2);
  EXPECT_NE(first.err.find("done: small exact"), std::string::npos) << first.err;
  EXPECT_NE(first.out.find("paper: BackProp"), std::string::npos) << first.out;
  EXPECT_TRUE(fs::exists(path("out/report.html")));
  EXPECT_NE(read_file(path("out/results.md")).find("Because."), std::string::npos);

  const auto time = fs::last_write_time(run_of("exact") / "metrics.jsonl");
  const Outcome second = run(command());
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(second.err.find("begun"), std::string::npos) << second.err;
  EXPECT_EQ(fs::last_write_time(run_of("exact") / "metrics.jsonl"), time);
}

TEST_F(Reproduce, MoreEpochsGoOnWithTheRunsAndFewerAreReadFromThem) {
  ASSERT_EQ(run(command({"-q"})).code, 0);
  ASSERT_EQ(run(command({"-q", "--epochs=4"})).code, 0);
  EXPECT_EQ(runs(), 2);
  ASSERT_EQ(run_small({"train", "-q", "--method=exact", "--epochs=4", "--out", path("alone")}).code, 0);
  EXPECT_TRUE(weights(run_of("exact")) == weights(path("alone")));
  const Outcome fewer = run(command({"--epochs=1"}));
  ASSERT_EQ(fewer.code, 0) << fewer.err;
  EXPECT_EQ(fewer.err.find("begun"), std::string::npos);
  EXPECT_NE(read_file(path("out/results.md")).find(", 1 epoch,"), std::string::npos);
}

TEST_F(Reproduce, ARunOfTrainIsTakenOverWhateverItsFolderIsCalled) {
  ASSERT_EQ(run_small({"train", "-q", "--method=exact", "--epochs=2", "--out", path("out/runs/some name")}).code, 0);
  const Outcome outcome = run(command());
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err.find("begun: small exact"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("begun: small backprop"), std::string::npos) << outcome.err;
  EXPECT_EQ(runs(), 2);
}

TEST_F(Reproduce, StoppedOrKilledItGoesOnToTheUndisturbedWeights) {
  ASSERT_EQ(run_small({"train", "-q", "--method=backprop", "--epochs=150", "--out", path("undisturbed")}).code, 0);
  for (const int signal : {SIGTERM, SIGKILL}) {
    fs::remove_all(path("out"));
    Process process(folder, command({"--epochs=150"}));
    while (process.running() && !fs::exists(path("out/runs")))
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    while (process.running() && fs::is_empty(path("out/runs")))
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ASSERT_TRUE(wait_for_checkpoint(process, run_of("backprop")));
    process.send(signal);
    const Outcome stopped = process.wait();
    if (signal == SIGTERM) {
      EXPECT_EQ(stopped.code, 130) << stopped.err;
    } else {
      EXPECT_EQ(stopped.signal, SIGKILL);
    }
    EXPECT_TRUE(weights(run_of("backprop")).empty()) << "it was over before it was stopped";
    // A killed parent's child gets SIGTERM, and holds its folder until it has saved.
    Outcome again = run(command({"--epochs=150"}));
    for (int i = 0; i < 50 && again.err.find("another program") != std::string::npos; ++i)
      again = run(command({"--epochs=150"}));
    ASSERT_EQ(again.code, 0) << again.err;
    EXPECT_FALSE(weights(path("undisturbed")).empty());
    EXPECT_TRUE(weights(run_of("backprop")) == weights(path("undisturbed")));
  }
}

TEST_F(Reproduce, ARunThatDivergesIsAResult) {
  write(
      "table.toml",
      "[experiment]\ntitle = \"Table\"\nshows = \"table\"\n[experiment.grid]\noptimizer.lr = [1e30, 0.1]\n"
      "[compare]\nmethods = [\"backprop\"]\n[data]\ntrain_size = 400\n[model]\nhidden = [24]\n"
      "[train]\nepochs = 2\nbatch_size = 100\nthreads = 1\n");
  const Outcome outcome = run({"reproduce", path("table.toml"), "--out", path("out")});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("diverged: table backprop 1e+30"), std::string::npos) << outcome.err;
  const std::string page = read_file(path("out/results.md"));
  EXPECT_NE(page.find("| backprop | - | "), std::string::npos) << page;
  EXPECT_NE(page.find("backprop at 1e+30: step "), std::string::npos) << page;
  EXPECT_EQ(run({"reproduce", path("table.toml"), "--out", path("out")}).err.find("begun"), std::string::npos);
}

TEST_F(Reproduce, AFailureIsToldAndTheOthersGoOn) {
  ASSERT_EQ(run(command({"-q"})).code, 0);
  // In another place the first run's folder is taken by something that no run wrote.
  const std::string taken = "second/runs/" + run_of("backprop").filename().string() + "/notes.txt";
  write(taken, "mine");
  const Outcome outcome = run({"reproduce", path("small.toml"), "--out", path("second"), "--no-time"});
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  EXPECT_NE(outcome.err.find("says why"), std::string::npos) << outcome.err;
  EXPECT_FALSE(weights(run_of("exact", "second")).empty());
  EXPECT_EQ(read_file(path(taken)), "mine");
}

TEST_F(Reproduce, SeveralSeedsAtOnceAndSecondsOfTheirOwn) {
  const Outcome outcome =
      run({"reproduce", path("small.toml"), "--out", path("out"), "--seeds=2", "--jobs=3", "--epochs=1"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(runs(), 4);
  const auto timing = nlohmann::json::parse(read_file(path("out/small/timing.json")));
  EXPECT_EQ(timing.at("steps").size(), 2U);
  const auto results = nlohmann::json::parse(read_file(path("out/results.json"))).at("sections").at(0);
  EXPECT_EQ(results.at("curves").at(1).at("label"), "exact");
  EXPECT_EQ(results.at("curves").at(1).at("seconds").size(), 2U);
  EXPECT_NE(outcome.out.find("2 seeds"), std::string::npos) << outcome.out;
}

TEST_F(Reproduce, TheExportedRecordsGiveTheSamePage) {
  ASSERT_EQ(run({"reproduce", path("small.toml"), "-q", "--out", path("out"), "--export", path("kept")}).code, 0);
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(path("kept"))) {
    files += entry.is_regular_file();
    if (entry.is_regular_file()) {
      EXPECT_EQ(read_file(entry.path()).find(path("out")), std::string::npos) << entry.path();
    }
  }
  EXPECT_EQ(files, 8) << "two runs of three files each, what was asked for, seconds";
  const Outcome report = run({"reproduce", "--report-only", "--out", path("kept"), "--page", path("page.md")});
  ASSERT_EQ(report.code, 0) << report.err;
  EXPECT_EQ(read_file(path("page.md")), read_file(path("out/results.md")));
  EXPECT_EQ(read_file(path("kept/results.json")), read_file(path("out/results.json")));
}

TEST_F(Reproduce, AMethodKeepsEpochsOfItsOwnAlsoWhenTheReportIsMadeAgain) {
  write(
      "own.toml",
      "[experiment]\ntitle = \"Own\"\n[compare]\nmethods = [\"backprop\", \"admm\"]\n"
      "[compare.admm]\ntrain.epochs = 3\n[data]\ntrain_size = 400\n[model]\nhidden = [8]\n"
      "[train]\nepochs = 1\nbatch_size = 100\nthreads = 1\n");
  const std::vector<std::string> all = {"reproduce", path("own.toml"), "-q", "--no-time", "--out", path("out")};
  ASSERT_EQ(run(all).code, 0);
  const std::string page = read_file(path("out/results.md"));
  EXPECT_NE(page.find(", 1 epoch (admm: 3), "), std::string::npos) << page;
  ASSERT_EQ(run({"reproduce", "--report-only", "--out", path("out")}).code, 0);
  EXPECT_EQ(read_file(path("out/results.md")), page);
}

TEST_F(Reproduce, MistakesAreOneLine) {
  expect_error(run({"reproduce"}), 2, "which experiment");
  expect_error(run({"reproduce", "fig4"}), 2, "there is no experiment 'fig4'");
  expect_error(run({"reproduce", "fig2", "fig2"}), 2, "given twice");
  expect_error(run({"reproduce", "fig2", "--report-only"}), 2, "takes no experiment");
  expect_error(run({"reproduce", "fig2", "--out", path("out"), "--export", path("./out")}), 2, "another folder");
  expect_error(run({"reproduce", "--report-only", "--out", path("nowhere")}), 3, "no records of an experiment");
  expect_error(run({"reproduce", "fig2", "--data", path(""), "--out", path("out")}), 3, "cifar10");
  EXPECT_FALSE(fs::exists(path("out/runs"))) << "nothing is begun without the data";
}

TEST_F(Reproduce, ThePageInTheDocumentationIsMadeFromTheRecordsInTheRepository) {
  const fs::path repository = PROXPROP_SOURCE_DIR;
  // The page lies beside the same pictures.
  fs::copy(repository / "results", path("results"), fs::copy_options::recursive);
  fs::create_directories(path("docs"));
  const Outcome report =
      run({"reproduce", "--report-only", "--out", path("results"), "--page", path("docs/results.md")});
  ASSERT_EQ(report.code, 0) << report.err;
  EXPECT_EQ(read_file(path("docs/results.md")), read_file(repository / "docs" / "results.md"))
      << "make it again: proxprop reproduce --report-only --out results --page docs/results.md";
}
