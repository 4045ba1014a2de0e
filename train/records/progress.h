#pragma once

#include "train/observer.h"

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

namespace proxprop::train {

/// How progress is shown. The defaults are for a log file.
struct ProgressOptions {
  bool quiet = false;               ///< print nothing at all
  bool terminal = false;            ///< draw a bar that moves; otherwise one plain line per epoch
  bool color = false;               ///< only with `terminal`
  std::function<int()> width{};     ///< columns of the terminal, asked at each redraw; empty: 80
  std::function<double()> clock{};  ///< seconds; empty: the steady clock
};

/// What suits the process's standard error: a bar where it is a terminal (and TERM is not "dumb"), colours unless
/// NO_COLOR is set.
ProgressOptions progress_options_for_stderr(bool quiet);

/// Shows epoch, batch, loss, images per second and the time left, redrawn at most ten times a second; what does not fit
/// into a narrow terminal is left out. A line per epoch stays.
///
///     Progress progress(std::cerr, progress_options_for_stderr(quiet));
class Progress : public Observer {
 public:
  Progress(std::ostream& out, ProgressOptions options);

  void on_start(const RunStart& start) override;
  void on_step(const StepEvent& step) override;
  void on_epoch(const EpochEvent& epoch) override;
  void on_end(const RunEnd& end) override;

 private:
  void measure_speed(const StepEvent& step);
  void draw(const StepEvent& step, double now);
  std::string bar(double fraction, int width) const;
  std::string time_left(int64_t step, double now) const;
  void print_line(const std::string& line, const char* color = "");
  int64_t total_steps() const;

  std::ostream& out_;
  ProgressOptions options_;
  RunStart start_;
  bool bar_shown_ = false;
  double start_time_ = 0;
  double last_draw_ = 0;
  double images_per_second_ = 0;  // smoothed; 0: not known yet
  int64_t speed_step_ = 0;        // where the speed was last taken
  double speed_seconds_ = 0;
  bool speed_begun_ = false;
};

}  // namespace proxprop::train
