#pragma once

#include "lab/spectrum/spectrum.h"
#include "train/config.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace proxprop::app {

struct NamedSpectrum {
  std::string name;
  int64_t rows = 0;  ///< rows of A, or records
  spectrum::Spectrum spectrum;
};

/// On standard output, as a table or as one JSON object.
void print_hessian(const train::Config& config, const std::vector<NamedSpectrum>& spectra, bool json);

/// hessian.json and hessian.html in the folder, which must exist. Throws RecordError.
void write_hessian_files(
    const std::filesystem::path& folder, const train::Config& config, const std::vector<NamedSpectrum>& spectra);

}  // namespace proxprop::app
