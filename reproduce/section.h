#pragma once
// What report and page show of an experiment. The numbers become text here, once for both.

#include "reproduce/experiment_result.h"

#include <string>
#include <vector>

namespace proxprop::reproduce {

struct TextTable {
  std::string caption;
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  ///< the first cell names the row
};

/// A method's losses and accuracies over the seeds.
struct Curve {
  std::string label;
  std::vector<int64_t> epoch;
  std::vector<double> evaluations;  ///< of the gradient; empty: not recorded
  std::vector<double> seconds;      ///< empty: not measured
  Band train_loss, validation_accuracy, test_accuracy;
};

/// Final training loss over the learning rate, ours and the paper's. NaN: diverged, or not there yet.
struct Sweep {
  std::string label;
  std::vector<double> x, ours, paper;
};

struct Section {
  std::string name;  ///< of the experiment
  std::string title;
  std::string setting;             ///< a sentence: network, optimizer, data
  std::vector<std::string> notes;  ///< sentences about how to read it
  std::vector<TextTable> tables;
  std::vector<Curve> curves;
  std::vector<Sweep> sweeps;
  std::string remarks;  ///< of the experiment's file, Markdown
};

Section section_of(const ExperimentResult& result);

// By what the experiment shows; used by section_of.
void add_curves(Section& section, const ExperimentResult& result);
void add_table(Section& section, const ExperimentResult& result);
void add_tuning(Section& section, const ExperimentResult& result);
void add_spectra(Section& section, const ExperimentResult& result);

}  // namespace proxprop::reproduce
