#pragma once

#include "train/observer.h"

#include <string>

namespace proxprop::train {

/// First line of metrics.csv: the member names of EpochEvent, with the line's end.
std::string epoch_csv_header();

/// One line of metrics.csv. Numbers round-trip exactly; NaN is an empty field, as spreadsheets and pandas expect it.
std::string epoch_csv_row(const EpochEvent& epoch);

}  // namespace proxprop::train
