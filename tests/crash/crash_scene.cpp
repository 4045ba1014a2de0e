#include "crash_scene.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <sstream>

namespace proxprop::test {

namespace fs = std::filesystem;

const std::vector<Scenario>& CrashScene::scenarios() {
  // Between them: an optimizer with two moments and one with momentum, dropout's generator, checkpoints inside epochs
  // and at their ends, and a best epoch that is kept besides the newest.
  static const std::vector<Scenario> all = {
      {"cg3-nesterov", {"--hidden=8", "--method=cg3", "--epochs=4", "--lr=0.3"}},
      {"exact-adam-dropout",
       {"--layers=flatten,linear 8,relu,dropout 0.3,linear 8,tanh", "--method=exact", "--optimizer=adam", "--lr=0.01",
        "--epochs=3"}}};
  return all;
}

std::vector<std::string> CrashScene::training(const Scenario& scenario) const {
  std::vector<std::string> arguments = {"train", "-q"};
  arguments.insert(arguments.end(), scenario.flags.begin(), scenario.flags.end());
  for (const char* flag :
       {"--train-size=200", "--validation-size=50", "--batch-size=50", "--threads=1", "--save-every=0.5", "--seed=3"})
    arguments.emplace_back(flag);
  arguments.insert(arguments.end(), {"--out", path("run")});
  return arguments;
}

std::vector<std::string> CrashScene::resuming() const {
  return {"train", "-q", "--resume", "--out", path("run")};
}

std::vector<std::string> CrashScene::going_on(const Scenario& scenario) const {
  return fs::exists(folder / "run" / "run.json") ? resuming() : training(scenario);
}

Outcome CrashScene::run_with_fault(const std::vector<std::string>& arguments, const std::string& fault) {
  fs::remove(folder / "trace");
  // A sanitizer wants to be the first library of a process.
  return run(
      arguments,
      {"LD_PRELOAD=" PROXPROP_FAULT_INJECTION, "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0",
       "PROXPROP_FAULT_FOLDER=" + path("run"), "PROXPROP_FAULT_TRACE=" + path("trace"), "PROXPROP_FAULT=" + fault});
}

std::vector<std::string> CrashScene::trace() const {
  std::vector<std::string> calls;
  std::istringstream lines(read_file(folder / "trace"));
  for (std::string line; std::getline(lines, line);)
    calls.push_back(line);
  return calls;
}

void CrashScene::clear() const {
  fs::remove_all(folder / "run");
}

const CrashScene::Reference& CrashScene::reference(const Scenario& scenario) {
  const auto [entry, is_new] = references_.try_emplace(scenario.name);
  if (is_new) {
    clear();
    const Outcome outcome = run_with_fault(training(scenario), "");
    if (outcome.code != 0)
      throw std::runtime_error("the undisturbed run failed: " + outcome.err);
    entry->second = {read_result(folder / "run"), static_cast<int64_t>(trace().size())};
    EXPECT_GT(entry->second.calls, 50) << "the preloaded library does not see the program's file calls";
  }
  return entry->second;
}

const RunResult& CrashScene::undisturbed(const Scenario& scenario) {
  return reference(scenario).result;
}

int64_t CrashScene::calls(const Scenario& scenario) {
  return reference(scenario).calls;
}

void CrashScene::expect_goes_on(const Scenario& scenario) {
  const Outcome outcome = run(going_on(scenario));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  expect_undisturbed_result(scenario);
}

void CrashScene::expect_undisturbed_result(const Scenario& scenario) {
  const RunResult result = read_result(folder / "run");
  const RunResult& expected = undisturbed(scenario);
  EXPECT_TRUE(result.weights == expected.weights) << "the weights differ";
  EXPECT_TRUE(result.state == expected.state) << "the state in the newest checkpoint differs";
  EXPECT_EQ(result.metrics, expected.metrics);
  EXPECT_EQ(result.csv, expected.csv);
  EXPECT_TRUE(fs::exists(folder / "run" / "report.html"));
}

std::vector<int64_t> CrashScene::points(int64_t count, int64_t few) {
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), 1);
  const char* wanted = std::getenv("PROXPROP_CRASH_POINTS");
  if (wanted != nullptr && std::string(wanted) == "all")
    return all;
  const int64_t number = std::min(count, wanted != nullptr ? std::strtol(wanted, nullptr, 10) : few);
  std::shuffle(all.begin(), all.end(), random_);
  all.resize(static_cast<size_t>(number));
  return all;
}

void CrashScene::TearDown() {
  for (const auto& [what, number] : counts_) {
    std::cout << "  " << number << " " << what << "\n";
    RecordProperty(what, std::to_string(number));
  }
}

}  // namespace proxprop::test
