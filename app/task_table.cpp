#include "app/task_table.h"

#include "app/text_table.h"
#include "train/records/number_text.h"

#include <algorithm>
#include <utility>

namespace proxprop::app {
namespace {

using reproduce::Task;
using reproduce::TaskState;

struct Counts {
  int done = 0, running = 0, left = 0;
  std::string detail;

  void add(const Task& task) {
    switch (task.state) {
      case TaskState::done: ++done; break;
      case TaskState::diverged:
        ++done;
        note(task, "diverged");
        break;
      case TaskState::running:
        ++running;
        note(task, "epoch " + std::to_string(task.epochs_done) + "/" + std::to_string(task.epochs));
        break;
      case TaskState::elsewhere: note(task, "another program is at it"); break;
      case TaskState::failed: note(task, "failed"); break;
      case TaskState::left:
      case TaskState::interrupted: ++left; break;
    }
  }

  void note(const Task& task, const std::string& what) {
    detail += (detail.empty() ? "" : "; ") + (task.variant.empty() ? what : task.variant + ": " + what);
  }
};

std::vector<std::string> row(std::string experiment, std::string method, const Counts& counts, double seconds) {
  return {
      std::move(experiment),
      std::move(method),
      std::to_string(counts.done),
      std::to_string(counts.running),
      std::to_string(counts.left),
      train::duration_text(seconds),
      counts.detail};
}

std::string line_about(const Task& task) {
  switch (task.state) {
    case TaskState::running: return "begun: " + task.name();
    case TaskState::done: return "done: " + task.name();
    case TaskState::diverged: return "diverged: " + task.name();
    case TaskState::interrupted: return "stopped and saved: " + task.name();
    case TaskState::failed: return "failed: " + task.name() + "; see " + task.log.string();
    case TaskState::left:
    case TaskState::elsewhere: break;
  }
  return {};
}

}  // namespace

std::string task_table(const std::vector<Task>& tasks, int jobs) {
  std::vector<std::vector<std::string>> rows{{"experiment", "method", "done", "running", "left", "time left", ""}};
  std::vector<std::pair<std::string, std::string>> groups;
  for (const Task& task : tasks) {
    const std::pair group(task.experiment, task.method);
    if (std::find(groups.begin(), groups.end(), group) == groups.end())
      groups.push_back(group);
  }
  Counts all;
  for (const auto& [experiment, method] : groups) {
    Counts counts;
    for (const Task& task : tasks) {
      if (task.experiment == experiment && task.method == method)
        counts.add(task);
    }
    all.done += counts.done;
    all.running += counts.running;
    all.left += counts.left;
    rows.push_back(row(experiment, method, counts, reproduce::seconds_left(tasks, experiment, method)));
  }
  rows.push_back(row("all", "", all, reproduce::seconds_left(tasks, jobs)));
  return text_table(rows, {2, 3, 4, 5});
}

TaskDisplay::TaskDisplay(std::ostream& out, bool terminal, int jobs) : out_(out), terminal_(terminal), jobs_(jobs) {}

void TaskDisplay::show(const std::vector<Task>& tasks) {
  const std::string table = task_table(tasks, jobs_);
  if (terminal_ && lines_ > 0)
    out_ << "\033[" << lines_ << "A\033[J";
  out_ << table << std::flush;
  lines_ = static_cast<std::size_t>(std::count(table.begin(), table.end(), '\n'));
}

void TaskDisplay::update(const std::vector<Task>& tasks, const Task* changed) {
  if (terminal_) {
    show(tasks);
  } else if (changed != nullptr) {
    out_ << "proxprop: " << line_about(*changed) << "; time left "
         << train::duration_text(reproduce::seconds_left(tasks, jobs_)) << "\n"
         << std::flush;
  }
}

}  // namespace proxprop::app
