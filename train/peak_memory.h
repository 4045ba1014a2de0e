#pragma once

#include <cstdint>

namespace proxprop::train {

/// Most bytes of this process that were in main memory at one time: libraries, data and all. Of a GPU's memory it says
/// nothing.
int64_t peak_resident_bytes();

/// Lets peak_resident_bytes count from what is resident now, where the system can (Linux); else it counts from the
/// start of the process.
void restart_peak_resident_bytes();

}  // namespace proxprop::train
