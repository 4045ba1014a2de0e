#pragma once

#include <proxprop/prox/export.h>

namespace proxprop {

/// Gives the memory that steps on the CPU keep for the next ones, at most 256 MiB per process, back to the system. It
/// is kept because fresh pages cost about as much as the work done in them.
PROXPROP_API void release_scratch_memory();

}  // namespace proxprop
