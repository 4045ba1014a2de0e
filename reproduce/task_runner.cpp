#include "reproduce/task_runner.h"

#include "reproduce/child_process.h"

#include <chrono>
#include <list>
#include <thread>

namespace proxprop::reproduce {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

struct Running {
  Running(Task& started, const std::vector<std::string>& environment)
      : task(started), process(started.command, environment, started.log), first_epoch(started.epochs_done) {}

  Task& task;
  ChildProcess process;
  Clock::time_point start = Clock::now();
  int64_t first_epoch;
};

// The clock of the wall, evaluation and saving with it: that is what one has to wait for.
void watch_epochs(Running& running) {
  const int64_t epochs = recorded_epochs(running.task.folder);
  if (epochs <= running.task.epochs_done)
    return;
  running.task.epochs_done = epochs;
  const auto done = static_cast<double>(epochs - running.first_epoch);
  running.task.seconds_per_epoch = seconds_between(running.start, Clock::now()) / done;
}

// A process that records no epochs, such as a Hessian's, is one piece of work.
void count_as_one(Running& running) {
  if (running.task.epochs_done > running.first_epoch)
    return;
  running.task.epochs_done = running.task.epochs;
  running.task.seconds_per_epoch =
      seconds_between(running.start, Clock::now()) / static_cast<double>(running.task.epochs - running.first_epoch);
}

Task* next_left(std::vector<Task>& tasks) {
  for (Task& task : tasks) {
    if (task.state == TaskState::left)
      return &task;
  }
  return nullptr;
}

}  // namespace

void run_tasks(std::vector<Task>& tasks, const TaskRunnerOptions& options) {
  std::list<Running> running;
  Clock::time_point last_tick{};
  const auto change = [&](Task& task, TaskState state) {
    task.state = state;
    options.on_change(tasks, &task);
  };
  for (;;) {
    const bool stop = options.stop != nullptr && *options.stop;
    Task* next = nullptr;
    while (!stop && running.size() < static_cast<size_t>(options.jobs) && (next = next_left(tasks)) != nullptr) {
      running.emplace_back(*next, options.environment);
      change(*next, TaskState::running);
    }
    if (running.empty())
      return;
    for (auto it = running.begin(); it != running.end();) {
      if (stop)
        it->process.terminate();
      watch_epochs(*it);
      const std::optional<int> code = it->process.exit_code();
      if (!code) {
        ++it;
        continue;
      }
      watch_epochs(*it);
      const TaskState state = options.state(*code);
      if (state == TaskState::done)
        count_as_one(*it);
      Task& task = it->task;
      it = running.erase(it);
      change(task, state);
    }
    if (seconds_between(last_tick, Clock::now()) >= 1) {
      last_tick = Clock::now();
      options.on_change(tasks, nullptr);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace proxprop::reproduce
