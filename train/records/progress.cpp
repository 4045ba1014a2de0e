#include "train/records/progress.h"

#include "train/records/number_text.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace proxprop::train {
namespace {

constexpr double redraw_interval = 0.1;  // seconds
constexpr int shortest_bar = 10, longest_bar = 40;
constexpr const char* erase_line = "\r\x1b[K";
constexpr const char* bold = "\x1b[1m";
constexpr const char* red = "\x1b[31m";
constexpr const char* cyan = "\x1b[36m";
constexpr const char* plain = "\x1b[0m";

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int stderr_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

double records_per_step(const RunStart& start) {
  return static_cast<double>(start.train_records) / static_cast<double>(start.batches_per_epoch);
}

// "train 0.1234 (96.1 %)"; nothing where there is no such set.
void add_set(std::string& line, const char* name, double loss, double accuracy) {
  if (std::isnan(loss) && std::isnan(accuracy))
    return;
  line += std::string("  ") + name + " " + significant_text(loss, 4) + " (" + percent_text(accuracy, 1) + ")";
}

struct Part {
  std::string text;
  int rank;  // the highest goes first when there is no room
};

std::string joined(const std::vector<Part>& parts) {
  std::string line;
  for (const Part& part : parts)
    line += (line.empty() ? "" : "  ") + part.text;
  return line;
}

std::string fitting_line(std::vector<Part> parts, size_t room) {
  const auto by_rank = [](const Part& a, const Part& b) { return a.rank < b.rank; };
  while (parts.size() > 1 && joined(parts).size() > room) {
    parts.erase(std::max_element(parts.begin(), parts.end(), by_rank));
  }
  return joined(parts).substr(0, room);
}

std::string of(int64_t done, int64_t total) {
  return std::to_string(done) + "/" + std::to_string(total);
}

}  // namespace

ProgressOptions progress_options_for_stderr(bool quiet) {
  const char* term = std::getenv("TERM");
  const char* no_color = std::getenv("NO_COLOR");
  ProgressOptions options;
  options.quiet = quiet;
  options.terminal = ::isatty(STDERR_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
  options.color = options.terminal && (no_color == nullptr || *no_color == '\0');
  options.width = stderr_width;
  return options;
}

Progress::Progress(std::ostream& out, ProgressOptions options) : out_(out), options_(std::move(options)) {
  if (!options_.clock)
    options_.clock = steady_seconds;
  if (!options_.width)
    options_.width = [] { return 80; };
}

void Progress::on_start(const RunStart& start) {
  start_ = start;
  start_time_ = options_.clock();
  last_draw_ = start_time_ - redraw_interval;
  images_per_second_ = 0;
  speed_begun_ = false;
  if (options_.quiet)
    return;
  std::string line = start.label + ": " + grouped_text(start.parameters) + " parameters, " +
                     grouped_text(start.train_records) + " training records, " + of(start.first_step, total_steps()) +
                     " steps done";
  print_line(line, bold);
}

int64_t Progress::total_steps() const {
  const int64_t steps = start_.config.train.epochs * start_.batches_per_epoch;
  const int64_t limit = start_.config.train.max_steps;
  return limit > 0 ? std::min(steps, limit) : steps;
}

void Progress::on_step(const StepEvent& step) {
  if (options_.quiet || !options_.terminal)
    return;
  const double now = options_.clock();
  if (now - last_draw_ < redraw_interval)
    return;
  last_draw_ = now;
  measure_speed(step);
  draw(step, now);
}

// Training time between two redraws, smoothed; evaluation does not count.
void Progress::measure_speed(const StepEvent& step) {
  const double seconds = step.seconds - speed_seconds_;
  if (speed_begun_ && seconds > 0) {
    const double images = static_cast<double>(step.step - speed_step_) * records_per_step(start_);
    images_per_second_ = images_per_second_ > 0 ? 0.7 * images_per_second_ + 0.3 * images / seconds : images / seconds;
  }
  speed_begun_ = true;
  speed_step_ = step.step;
  speed_seconds_ = step.seconds;
}

// From the wall clock, so that evaluation counts.
std::string Progress::time_left(int64_t step, double now) const {
  const int64_t done = step - start_.first_step;
  const double elapsed = now - start_time_;
  if (done <= 0 || elapsed <= 0)
    return "";
  return "ETA " + duration_text(elapsed / static_cast<double>(done) * static_cast<double>(total_steps() - step));
}

void Progress::draw(const StepEvent& step, double now) {
  const int64_t batches = std::max<int64_t>(start_.batches_per_epoch, 1);
  const int64_t batch = (step.step - 1) % batches + 1;
  const int64_t epoch = (step.step - 1) / batches + 1;
  std::vector<Part> parts{
      {"epoch " + of(epoch, start_.config.train.epochs), 1},
      {"batch " + of(batch, batches), 2},
      {"loss " + significant_text(step.loss, 4), 0}};
  if (images_per_second_ > 0)
    parts.push_back({grouped_text(std::llround(images_per_second_)) + " images/s", 4});
  if (std::string left = time_left(step.step, now); !left.empty())
    parts.push_back({std::move(left), 3});

  const int room = std::max(options_.width() - 1, 1);  // a full last column would wrap in some terminals
  const std::string line = fitting_line(std::move(parts), static_cast<size_t>(room));
  const int bar_room = room - static_cast<int>(line.size()) - 2;
  out_ << erase_line;
  if (bar_room >= shortest_bar) {
    const double fraction = static_cast<double>(batch) / static_cast<double>(batches);
    out_ << (options_.color ? cyan : "") << bar(fraction, std::min(bar_room, longest_bar))
         << (options_.color ? plain : "") << "  ";
  }
  out_ << line << std::flush;
  bar_shown_ = true;
}

std::string Progress::bar(double fraction, int width) const {
  const int inner = width - 2;
  const int filled = std::clamp(static_cast<int>(std::lround(fraction * inner)), 0, inner);
  std::string text(static_cast<size_t>(width), ' ');
  text.front() = '[';
  text.back() = ']';
  std::fill_n(text.begin() + 1, filled, '=');
  if (filled < inner)
    text[static_cast<size_t>(filled) + 1] = '>';
  return text;
}

void Progress::print_line(const std::string& line, const char* color) {
  if (bar_shown_)
    out_ << erase_line;
  bar_shown_ = false;
  const bool colored = options_.color && *color != '\0';
  out_ << (colored ? color : "") << line << (colored ? plain : "") << '\n' << std::flush;
}

void Progress::on_epoch(const EpochEvent& epoch) {
  if (options_.quiet)
    return;
  const std::string total = std::to_string(start_.config.train.epochs);
  std::string done = std::to_string(epoch.epoch);
  done.insert(0, total.size() > done.size() ? total.size() - done.size() : 0, ' ');
  std::string line = "epoch " + done + "/" + total;
  add_set(line, "train", epoch.train_loss, epoch.train_accuracy);
  add_set(line, "validation", epoch.validation_loss, epoch.validation_accuracy);
  add_set(line, "test", epoch.test_loss, epoch.test_accuracy);
  print_line(line + "  " + duration_text(epoch.seconds));
}

void Progress::on_end(const RunEnd& end) {
  if (options_.quiet)
    return;
  std::string line = start_.label + ": " + end.status + " after " + of(end.epochs, start_.config.train.epochs) +
                     " epochs, " + std::to_string(end.steps) + " steps, " + duration_text(end.seconds) + " of training";
  if (start_.validation_records > 0 && !std::isnan(end.best_validation_accuracy)) {
    line += "; best validation accuracy " + percent_text(end.best_validation_accuracy) + " (epoch " +
            std::to_string(end.best_epoch) + ")";
  }
  if (start_.test_records > 0 && !std::isnan(end.test_accuracy_at_best)) {
    line += ", test accuracy " + percent_text(end.test_accuracy_at_best);
  }
  print_line(line, end.status == "finished" ? bold : red);
}

}  // namespace proxprop::train
