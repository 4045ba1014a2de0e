#pragma once
// An experiment's file: a configuration as `compare` reads it, and a table [experiment] that says what it is for.
//
//     [experiment]
//     title = "..."
//     shows = "curves"                     # or table, tuning, spectrum: reproduce::Shows
//     remarks = """..."""                  # Markdown below the results; optional
//     [experiment.grid]                    # optional: the cells are the product of these values, by key, the last
//     fastest optimizer.lr = [0.1, 0.01] [experiment.grid.exact]              # the grid of one method, in place of the
//     one above method.tau_theta = [0.05, 1]
//     [[experiment.paper]]                 # what the paper reports; all but `who` is optional
//     who = "BackProp"
//     methods = ["backprop"]
//     best_validation_accuracy = 0.717
//     test_accuracy = 0.696
//     train_loss = [0.524, nan]            # along the grid; nan: diverged
//     largest_eigenvalue = 6.7e6

#include "reproduce/experiment.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace proxprop::app {

/// An experiment, and what the command line changes in it.
struct ExperimentRequest {
  std::string source;                  ///< the name of one that comes with the program, or a file "mine.toml"
  std::optional<int64_t> epochs = {};  ///< in place of the file's
  std::string dataset = {};            ///< another data set, whole; the experiment's name then ends in it
  std::string device = {};
  std::string data_dir = {};
  std::vector<std::string> sets = {};  ///< as --set takes them; the experiment's name then ends in them
};

/// The names of the experiments that come with the program: files of experiments/.
std::vector<std::string> known_experiments();

/// Throws UsageError for what is wrong with the request, train::ConfigError for what is wrong in the file. With another
/// data set or other settings nothing stays of what the paper reports.
reproduce::Experiment read_experiment(const ExperimentRequest& request);

/// The same from the text of a file.
reproduce::Experiment read_experiment_text(
    std::string_view text, const std::string& name, const std::string& origin, const ExperimentRequest& request);

}  // namespace proxprop::app
