#pragma once

#include "reproduce/task.h"

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

namespace proxprop::app {

/// One line for each experiment and method: how many of its runs are done, running and left, how far the running ones
/// are, and the time left; below them the sum.
std::string task_table(const std::vector<reproduce::Task>& tasks, int jobs);

/// Shows the table while tasks are run: redrawn in place on a terminal; elsewhere the table once and then a line for
/// each run that starts or ends.
class TaskDisplay {
 public:
  TaskDisplay(std::ostream& out, bool terminal, int jobs);

  void show(const std::vector<reproduce::Task>& tasks);
  /// `changed` is nullptr where only time has passed.
  void update(const std::vector<reproduce::Task>& tasks, const reproduce::Task* changed);

 private:
  std::ostream& out_;
  bool terminal_;
  int jobs_;
  std::size_t lines_ = 0;  // of the table that stands on the terminal
};

}  // namespace proxprop::app
