// Whatever moment a run is killed at, whatever file call fails: going on gives what an undisturbed run gives, bit for
// bit.

#include "crash_scene.h"

#include <chrono>
#include <csignal>
#include <thread>

namespace fs = std::filesystem;
using namespace proxprop::test;

namespace {

using Clock = std::chrono::steady_clock;

// Where the last process was when its fault came.
std::string place(const std::string& call) {
  if (call.find("/checkpoints/") != std::string::npos)
    return "while a checkpoint or the weights were written";
  if (call.find("/metrics.") != std::string::npos || call.find("/tensorboard") != std::string::npos)
    return "while metrics were written";
  return "elsewhere (run.json, folders, the report)";
}

}  // namespace

class Crash : public CrashScene {
 protected:
  void die_at_every_call(const std::string& action, int64_t few) {
    for (const Scenario& scenario : scenarios()) {
      for (const int64_t call : points(calls(scenario), few)) {
        clear();
        const Outcome outcome = run_with_fault(training(scenario), action + ":" + std::to_string(call));
        const std::string last = trace().back();
        SCOPED_TRACE(scenario.name + ", " + action + " at call " + std::to_string(call) + ": " + last);
        ASSERT_EQ(outcome.signal, SIGKILL);
        count("deaths " + place(last));
        expect_goes_on(scenario);
        EXPECT_EQ(left_overs(folder / "run"), "");
        if (HasFailure())
          return;
      }
    }
  }

  // An error at a file call is either told, and then the run can go on, or it does no harm.
  void fail_at_every_call(const std::string& action, int64_t few) {
    for (const Scenario& scenario : scenarios()) {
      for (const int64_t call : points(calls(scenario), few)) {
        clear();
        const Outcome outcome = run_with_fault(training(scenario), action + ":" + std::to_string(call));
        const std::vector<std::string> made = trace();
        const std::string& at = made[std::min(made.size(), static_cast<size_t>(call)) - 1];
        SCOPED_TRACE(scenario.name + ", " + action + " at call " + std::to_string(call) + ": " + at);
        ASSERT_EQ(outcome.signal, 0) << outcome.err;
        if (outcome.code == 0) {
          count("failures of " + at.substr(0, at.find(' ')) + " that did no harm");
          expect_undisturbed_result(scenario);
        } else {
          count("failures of " + at.substr(0, at.find(' ')) + " that were told");
          EXPECT_TRUE(outcome.code == 1 || outcome.code == 3) << outcome.code;
          EXPECT_NE(outcome.err.find("proxprop: error: "), std::string::npos) << outcome.err;
          expect_goes_on(scenario);
        }
        EXPECT_EQ(left_overs(folder / "run"), "");
        if (HasFailure())
          return;
      }
    }
  }
};

TEST_F(Crash, KilledAtAnyFileCallARunGoesOnToTheSameBits) {
  die_at_every_call("kill", 3);
}

TEST_F(Crash, APowerFailureAtAnyFileCallLosesNothing) {
  die_at_every_call("power", 4);
}

TEST_F(Crash, AnInputOutputErrorAtAnyFileCallIsToldOrHarmless) {
  fail_at_every_call("eio", 2);
}

TEST_F(Crash, ADiskThatIsFullAtAnyFileCallIsToldOrHarmless) {
  fail_at_every_call("enospc", 2);
  fail_at_every_call("full", 2);
}

TEST_F(Crash, ShortAndInterruptedWritesChangeNothing) {
  for (const std::string action : {"short", "eintr"}) {
    for (const Scenario& scenario : scenarios()) {
      for (const int64_t call : points(calls(scenario), 1)) {
        clear();
        const Outcome outcome = run_with_fault(training(scenario), action + ":" + std::to_string(call));
        const std::string at = trace().at(static_cast<size_t>(call) - 1);
        SCOPED_TRACE(scenario.name + ", " + action + " at call " + std::to_string(call) + ": " + at);
        ASSERT_EQ(outcome.code, 0) << outcome.err;
        count(action + (at.starts_with("write") ? " writes" : " (not a write)"));
        expect_undisturbed_result(scenario);
      }
    }
  }
}

TEST_F(Crash, KilledAtAnyMomentARunGoesOnToTheSameBits) {
  const Scenario& scenario = scenarios().front();
  undisturbed(scenario);
  clear();
  const auto begin = Clock::now();
  ASSERT_EQ(run(training(scenario)).code, 0);
  const auto duration = Clock::now() - begin;

  std::uniform_real_distribution<double> fraction(0.0, 1.0);
  const size_t kills = points(200, 3).size();
  for (size_t done = 0; done < kills;) {
    clear();
    Process process(folder, training(scenario));
    std::this_thread::sleep_for(fraction(random_) * duration);
    process.send(SIGKILL);
    if (process.wait().signal != SIGKILL)
      continue;  // it was over
    ++done;
    count("kills at random moments");
    expect_goes_on(scenario);
    EXPECT_EQ(left_overs(folder / "run"), "");
    ASSERT_FALSE(HasFailure()) << "kill " << done;
  }
}

TEST_F(Crash, ARunThatIsKilledAgainAndAgainGoesOnToTheSameBits) {
  for (const Scenario& scenario : scenarios()) {
    std::uniform_int_distribution<int64_t> any_call(1, calls(scenario));
    const size_t runs = points(40, 1).size();
    for (size_t i = 0; i < runs; ++i) {
      clear();
      Outcome outcome;
      for (int life = 0; life < 8; ++life) {
        const std::string action = life % 2 == 0 ? "power:" : "kill:";
        outcome = run_with_fault(going_on(scenario), action + std::to_string(any_call(random_)));
        if (outcome.signal != SIGKILL)
          break;
        count("deaths in a row");
      }
      expect_goes_on(scenario);
      EXPECT_EQ(left_overs(folder / "run"), "");
      ASSERT_FALSE(HasFailure()) << scenario.name << ", run " << i;
    }
  }
}

TEST_F(Crash, AFaultWhileResumingIsToldOrHarmless) {
  const Scenario& scenario = scenarios().back();
  const int64_t middle = calls(scenario) / 2;
  const std::string death = "kill:" + std::to_string(middle);
  clear();
  run_with_fault(training(scenario), death);
  ASSERT_EQ(run_with_fault(resuming(), "").code, 0);
  const int64_t calls_of_resuming = static_cast<int64_t>(trace().size());

  for (const std::string action : {"eio", "power"}) {
    for (const int64_t call : points(calls_of_resuming, 2)) {
      clear();
      run_with_fault(training(scenario), death);
      const Outcome outcome = run_with_fault(resuming(), action + ":" + std::to_string(call));
      SCOPED_TRACE(action + " at call " + std::to_string(call) + ": " + trace().back());
      count(action == "power" ? "deaths while resuming" : "failures while resuming");
      if (outcome.code == 0)
        expect_undisturbed_result(scenario);
      else
        expect_goes_on(scenario);
      EXPECT_EQ(left_overs(folder / "run"), "");
      ASSERT_FALSE(HasFailure()) << outcome.err;
    }
  }
}
