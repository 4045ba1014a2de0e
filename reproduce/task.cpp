#include "reproduce/task.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>

namespace proxprop::reproduce {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

bool is_open(const Task& task) {
  return task.state == TaskState::left || task.state == TaskState::running || task.state == TaskState::interrupted;
}

template <class Like>
double mean_seconds_per_epoch(const std::vector<Task>& tasks, Like like) {
  double sum = 0;
  int count = 0;
  for (const Task& task : tasks) {
    if (!std::isfinite(task.seconds_per_epoch) || !like(task))
      continue;
    sum += task.seconds_per_epoch;
    ++count;
  }
  return count == 0 ? unknown : sum / count;
}

double seconds_left_of(const Task& task, const std::vector<Task>& tasks) {
  double rate = task.seconds_per_epoch;
  if (!std::isfinite(rate))
    rate = mean_seconds_per_epoch(
        tasks, [&](const Task& t) { return t.experiment == task.experiment && t.method == task.method; });
  if (!std::isfinite(rate))
    rate = mean_seconds_per_epoch(tasks, [&](const Task& t) { return t.experiment == task.experiment; });
  if (!std::isfinite(rate))
    rate = mean_seconds_per_epoch(tasks, [](const Task&) { return true; });
  return rate * static_cast<double>(std::max<int64_t>(task.epochs - task.epochs_done, 0));
}

}  // namespace

std::string Task::name() const {
  return experiment + " " + method + (variant.empty() ? "" : " " + variant);
}

int64_t recorded_epochs(const std::filesystem::path& run_folder) {
  std::ifstream file(run_folder / "metrics.csv");
  int64_t epochs = 0;
  std::string line;
  std::getline(file, line);  // the header
  while (std::getline(file, line) && !file.eof())
    epochs = std::strtoll(line.c_str(), nullptr, 10);  // epoch is the first column
  return epochs;
}

double seconds_left(const std::vector<Task>& tasks, int jobs) {
  double sum = 0, longest = 0;
  for (const Task& task : tasks) {
    if (!is_open(task))
      continue;
    const double seconds = seconds_left_of(task, tasks);
    sum += seconds;
    longest = std::max(longest, seconds);
  }
  return std::isnan(sum) ? unknown : std::max(sum / std::max(jobs, 1), longest);
}

double seconds_left(const std::vector<Task>& tasks, const std::string& experiment, const std::string& method) {
  double sum = 0;
  for (const Task& task : tasks) {
    if (is_open(task) && task.experiment == experiment && task.method == method)
      sum += seconds_left_of(task, tasks);
  }
  return sum;
}

}  // namespace proxprop::reproduce
