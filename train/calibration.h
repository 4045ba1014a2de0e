#pragma once
// The rates of this machine, measured once and kept in a file.

#include "train/records/json.h"

#include <proxprop/prox/rates.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace proxprop::train {

struct Calibration {
  Rates rates;
  std::filesystem::path file;  ///< that holds them; empty where no file could be written
  bool measured_now = false;   ///< not read from the file
};

/// Rates measured on this machine: from the file of an earlier calibration, else measured now (about a second) and
/// written to it. The file is $XDG_CACHE_HOME/proxprop/rates-*.json (~/.cache where that is unset), one for each
/// processor model, number of threads, instruction set of the kernels and version of proxprop and LibTorch. A file that
/// is broken or says other things is written anew. Without a folder to write to the rates are measured every time.
Calibration calibrate();

/// Those of an earlier calibration, where there is one.
std::optional<Rates> cached_rates();

/// By kernel.
std::map<std::string, double> named_rates(const Rates& rates);

/// Rates as they stand in checkpoints. Reading throws nlohmann::json::exception or RecordError.
Json rates_to_json(const Rates& rates);
Rates rates_from_json(const Json& json);

}  // namespace proxprop::train
