#pragma once

#include "train/config.h"

#include <string>

namespace proxprop::reproduce {

/// The settings that determine a run's result, as one line of JSON: those that are not at their default, without
/// - where the data lie, checkpoints, threads, recorded energies;
/// - train.epochs, unless the schedule of the learning rate depends on it: a longer run begins with the shorter one;
/// - what the method or the optimizer does not look at (tau_theta of backprop, momentum of adam).
/// Two configurations with one text describe one run. A key that is new in a later version of the program changes no
/// text of a configuration that leaves it at its default.
std::string determining_settings(const train::Config& config);

/// The first 12 hexadecimal digits of the SHA-256 of determining_settings.
std::string run_identity(const train::Config& config);

}  // namespace proxprop::reproduce
