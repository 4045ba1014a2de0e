#pragma once
// The steps of `proxprop reproduce`, one after the other.

#include "app/commands/command.h"
#include "app/experiment_toml.h"
#include "reproduce/experiment.h"
#include "reproduce/task.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace proxprop::app {

/// An experiment, how many seeds are asked for, and where it came from.
struct PlannedExperiment {
  ExperimentRequest request;
  int64_t seeds = 1;
  reproduce::Experiment experiment;
};

/// What is to be done, in a folder.
struct Reproduction {
  std::filesystem::path out;
  int jobs = 1;
  std::vector<PlannedExperiment> experiments;
};

/// The experiments that were asked for in `out` before, those of the paper first. Throws train::RecordError.
std::vector<PlannedExperiment> recorded_experiments(const std::filesystem::path& out);

/// Throws UsageError or train::ConfigError where two experiments have one name.
void check_names(const std::vector<PlannedExperiment>& experiments);

/// All runs that the experiments are made of, and how far they are.
std::vector<reproduce::Task> plan_tasks(const Reproduction& reproduction, const Session& session);

/// Runs what is left, showing a table of progress, and records what was asked for. Returns an ExitCode.
int run_missing(const Reproduction& reproduction, std::vector<reproduce::Task>& tasks, const Session& session);

/// Measures seconds per step where that was not done, or everywhere with `again`.
void time_missing(const Reproduction& reproduction, bool again, const Session& session);

/// Writes results.json, report.html and the page (`page`, or results.md in `out`) over all that was ever asked for in
/// `out`, and prints the tables.
void write_results(const std::filesystem::path& out, const std::filesystem::path& page, const Session& session);

/// Copies the small records of all that was ever asked for in `out`.
void export_records(const std::filesystem::path& out, const std::filesystem::path& target, const Session& session);

}  // namespace proxprop::app
