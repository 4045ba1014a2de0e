#pragma once

#include "run_result.h"
#include "scene.h"

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace proxprop::test {

/// One run that is to be disturbed, and what it leaves when it is not.
struct Scenario {
  std::string name;
  std::vector<std::string> flags;
};

/// Runs `train` with faults in its file calls (fault_injection.cpp), lets it go on as a user would, and compares what
/// it leaves with an undisturbed run.
///
/// PROXPROP_CRASH_POINTS says at how many moments each law is tried: a number, or "all" of the calls.
class CrashScene : public Scene {
 protected:
  static const std::vector<Scenario>& scenarios();

  /// A process that runs `arguments` with "ACTION:N" as its fault; its file calls are in `trace()` afterwards.
  Outcome run_with_fault(const std::vector<std::string>& arguments, const std::string& fault);
  std::vector<std::string> training(const Scenario& scenario) const;
  std::vector<std::string> resuming() const;
  /// What a user types after a crash: --resume, or the same command where the run had not begun.
  std::vector<std::string> going_on(const Scenario& scenario) const;

  /// The names of the file calls that the last process made, e.g. "write /checkpoints/.step-00000003...".
  std::vector<std::string> trace() const;
  /// Starts anew: removes the run folder.
  void clear() const;

  const RunResult& undisturbed(const Scenario& scenario);
  /// How many file calls an undisturbed run makes.
  int64_t calls(const Scenario& scenario);
  /// Goes on without faults to the end, and expects what an undisturbed run leaves.
  void expect_goes_on(const Scenario& scenario);
  void expect_undisturbed_result(const Scenario& scenario);

  /// Numbers from 1 to `count`: all, or as many as PROXPROP_CRASH_POINTS says (`few` where it says nothing), drawn at
  /// random from a fixed seed.
  std::vector<int64_t> points(int64_t count, int64_t few);
  /// Counts what a law has tried; told at its end and kept in the XML or JSON of the test.
  void count(const std::string& what) { ++counts_[what]; }
  void TearDown() override;

  std::mt19937_64 random_{20261125};

 private:
  struct Reference {
    RunResult result;
    int64_t calls = 0;
  };
  const Reference& reference(const Scenario& scenario);

  std::map<std::string, Reference> references_;
  std::map<std::string, int64_t> counts_;
};

}  // namespace proxprop::test
