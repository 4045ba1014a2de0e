#pragma once

#include "train/safetensors.h"

#include <string>
#include <string_view>

namespace proxprop::train {

/// A safetensors file that can tell whether it is whole: metadata "sha256" is the digest of all bytes of the file,
/// taken while the 64 digits themselves are zeros. `content.metadata` must have no "sha256".
std::string to_checksummed_safetensors(Safetensors content);

/// Throws CheckpointError when the digest is missing or wrong, or the file is not valid safetensors.
Safetensors parse_checksummed_safetensors(std::string_view bytes, const std::string& origin);

}  // namespace proxprop::train
