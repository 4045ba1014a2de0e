#pragma once
// How `proxprop reproduce` calls the program itself for one run.

#include "reproduce/task_plan.h"

#include <filesystem>
#include <string>
#include <vector>

namespace proxprop::app {

/// This program's file.
std::filesystem::path this_program();

/// One flag for every key of the configuration that is not at its plain default, and for those whose default depends on
/// others: `train` with these flags resolves to this configuration.
std::vector<std::string> config_arguments(const train::Config& config);

/// "<program> train ..." or "<program> hessian ...". A run that is resumed keeps the configuration that it has, but for
/// what may change: the number of epochs, where the data lie, threads.
std::vector<std::string> child_command(const reproduce::TaskCommand& task);

/// The environment without the variables that set keys of the configuration: those of a run are all in its flags.
std::vector<std::string> child_environment();

/// What an exit code of `train` or `hessian` means for its task.
reproduce::TaskState task_state(int exit_code);

}  // namespace proxprop::app
