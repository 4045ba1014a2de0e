#pragma once
// One run that an experiment asks for, and how far it is.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace proxprop::reproduce {

enum class TaskState {
  left,         ///< to be done
  running,      ///< a process of ours is at it
  elsewhere,    ///< another program is writing to its folder
  interrupted,  ///< stopped and saved
  done,
  diverged,  ///< done as well: a result, not an error
  failed     ///< the process ended with an error; the log says which
};

struct Task {
  std::string experiment;  ///< "table1"
  std::string method;      ///< "cg3"
  std::string variant;     ///< "0.05, seed 0"
  int64_t epochs = 0;      ///< wanted
  std::filesystem::path folder;
  std::filesystem::path log;
  std::vector<std::string> command;  ///< program and arguments

  TaskState state = TaskState::left;
  int64_t epochs_done = 0;
  double seconds_per_epoch = 0;  ///< measured; NaN: not known

  std::string name() const;  ///< "table1 cg3 0.05, seed 0"
};

/// Whole epochs that are recorded in the run folder's metrics.csv; 0 where there is none.
int64_t recorded_epochs(const std::filesystem::path& run_folder);

/// Seconds until all that is left and running is done with so many processes at once, by the measured seconds per epoch
/// of the same experiment and method, else of the same experiment, else of all. NaN: nothing is measured yet.
double seconds_left(const std::vector<Task>& tasks, int jobs);

/// The same for the tasks of one experiment and method, as if alone.
double seconds_left(const std::vector<Task>& tasks, const std::string& experiment, const std::string& method);

}  // namespace proxprop::reproduce
