#pragma once

#include "train/records/json.h"
#include "train/records/run_record.h"

#include <vector>

namespace proxprop::train {

/// What the scripts of the report (report_*.js) draw: curves as one array per quantity, batch losses averaged down to
/// about a thousand points per run, summaries, plans, configurations and circumstances. Numbers have seven significant
/// digits, unknown ones are null.
Json report_data(const std::vector<RunRecord>& runs);

}  // namespace proxprop::train
