#pragma once
// A figure or table of the paper as data: which runs it is made of, how it is shown, and what the paper reports.

#include "train/config.h"

#include <limits>
#include <string>
#include <vector>

namespace proxprop::reproduce {

enum class Shows {
  curves,   ///< losses and accuracies of the methods against epochs and seconds (Fig. 2, Fig. 3)
  table,    ///< training loss at the end for each method along the grid's one axis (Table 1)
  tuning,   ///< each method with the grid point that validates best
  spectrum  ///< Hessians of the first layer, one for each grid point
};

/// One coordinate of a grid point: optimizer.lr = 0.05.
struct Coordinate {
  std::string key;
  std::string value;
};

/// What the paper reports of one of its rows or curves. NaN: it does not say; of a training loss: it diverged.
struct PaperValues {
  static constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

  std::string who;                   ///< the paper's name, "ProxProp (cg3)"
  std::vector<std::string> methods;  ///< labels of ours that it is to be compared with
  double best_validation_accuracy = unknown;
  double test_accuracy = unknown;  ///< at the best validation epoch
  double largest_eigenvalue = unknown;
  std::vector<double> train_loss;  ///< `table`: along the grid
};

/// One method at one grid point. Its runs differ in the seed alone.
struct Cell {
  std::string method;  ///< the label, "cg3"
  std::vector<Coordinate> point;
  train::Config config;  ///< with the first seed
};

struct Experiment {
  std::string name;  ///< "fig2"; with another data set "fig2-mnist-5k"
  std::string title;
  Shows shows = Shows::curves;
  std::string remarks;  ///< Markdown; why we differ from the paper where we do
  std::vector<std::string> methods;
  std::vector<Cell> cells;  ///< methods in their order, for each the grid points in theirs
  std::vector<PaperValues> paper;
};

/// The cell with the k-th seed, counted from 0.
train::Config with_seed(const Cell& cell, int64_t k);

/// "0.05", or "0.05, 1" for a grid of two axes; empty without a grid.
std::string point_text(const std::vector<Coordinate>& point);

}  // namespace proxprop::reproduce
