#include "tests/train/records/scene.h"
#include "train/records/progress.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <sstream>
#include <string>

namespace proxprop::train {
namespace {

using scene::Play;

// Plays a run whose steps are `tick` seconds of the clock apart.
std::string shown(ProgressOptions options, const Play& play = {}, double tick = 1) {
  double now = 0;
  options.clock = [&now, tick] { return now += tick; };
  std::ostringstream out;
  Progress progress(out, options);
  play.tell(progress);
  return out.str();
}

ProgressOptions terminal(int width, bool color = false) {
  ProgressOptions options;
  options.terminal = true;
  options.color = color;
  options.width = [width] { return width; };
  return options;
}

// Without escape sequences; each redraw begins with \r.
std::string without_escapes(std::string text) {
  for (size_t at = 0; (at = text.find('\x1b', at)) != std::string::npos;)
    text.erase(at, text.find_first_of("mK", at) - at + 1);
  return text;
}

TEST(Progress, QuietPrintsNothing) {
  EXPECT_EQ(shown({.quiet = true, .terminal = true}), "");
}

TEST(Progress, PlainOutputIsOneLinePerEpoch) {
  const std::string text = shown({});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1 + 4 + 1);  // start, epochs 0..3, end
  EXPECT_NE(
      text.find("epoch 2/3  train 0.5000 (83.3 %)  validation 0.6000 (70.0 %)  test 0.7000 (60.0 %)  3.0 s\n"),
      std::string::npos)
      << text;
}

TEST(Progress, RedrawsAtMostTenTimesASecond) {
  const Play play{.epochs = 100};  // 400 steps, 10 ms apart: 4 seconds
  const std::string text = shown(terminal(80), play, 0.01);
  const auto redraws = std::count(text.begin(), text.end(), '>') + std::count(text.begin(), text.end(), '=') / 1000;
  EXPECT_LE(redraws, 42);
  EXPECT_GE(redraws, 20);
}

TEST(Progress, TheBarSaysWhereTheRunIs) {
  const std::string text = without_escapes(shown(terminal(120)));
  EXPECT_NE(text.find("epoch 2/3  batch 1/4  loss 0.8409"), std::string::npos) << text;
  EXPECT_NE(text.find("27 images/s"), std::string::npos) << text;  // 10 images per 0.375 s
  EXPECT_NE(text.find("ETA"), std::string::npos) << text;
  EXPECT_NE(text.find("[====="), std::string::npos) << text;
}

TEST(Progress, FitsIntoANarrowTerminal) {
  for (const int width : {1, 12, 25, 40, 60, 80, 200}) {
    std::istringstream redraws(without_escapes(shown(terminal(width))));
    for (std::string redraw; std::getline(redraws, redraw, '\r');) {
      if (redraw.find('\n') != std::string::npos)
        continue;  // a line that stays
      EXPECT_LT(redraw.size(), static_cast<size_t>(std::max(width, 2))) << "'" << redraw << "' at width " << width;
    }
  }
}

TEST(Progress, ColorsOnlyWhereAsked) {
  EXPECT_EQ(shown(terminal(80)).find("\x1b[3"), std::string::npos);
  EXPECT_NE(shown(terminal(80, true)).find("\x1b[36m"), std::string::npos);
}

TEST(Progress, NoColorIsRespected) {
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(progress_options_for_stderr(false).color);
  ::unsetenv("NO_COLOR");
}

TEST(Progress, SetsThatAreNotThereAreNotShown) {
  std::ostringstream out;
  Progress progress(out, {});
  const Play play;
  progress.on_start(play.start());
  EpochEvent epoch = play.epoch(1);
  epoch.validation_loss = epoch.validation_accuracy = std::numeric_limits<double>::quiet_NaN();
  progress.on_epoch(epoch);
  EXPECT_EQ(out.str().find("validation"), std::string::npos);
  EXPECT_NE(out.str().find("test"), std::string::npos);
}

}  // namespace
}  // namespace proxprop::train
