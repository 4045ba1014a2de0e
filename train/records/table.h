#pragma once

#include "train/records/run_record.h"

#include <string>
#include <vector>

namespace proxprop::train {

struct TableOptions {
  int width = 100;     ///< columns of the terminal; runs that do not fit side by side go into a further block
  int loss_rows = 12;  ///< training losses are shown after at most so many epochs, first and last among them
};

/// The runs side by side as aligned ASCII text: training loss after each epoch, best validation accuracy and the test
/// accuracy there, seconds per epoch and their ratio to the baseline's, time to the baseline's final training loss.
std::string comparison_table(const std::vector<RunRecord>& runs, const TableOptions& options = {});

}  // namespace proxprop::train
