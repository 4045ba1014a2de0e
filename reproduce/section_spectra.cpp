// The Hessian of the first layer.

#include "reproduce/section.h"
#include "train/records/number_text.h"

#include <cmath>

namespace proxprop::reproduce {
namespace {

using train::significant_text;

/// An eigenvalue lies within the error of the value; where that reaches down to zero only a bound is known.
std::string smallest_text(const SpectrumResult& spectrum) {
  const double most = spectrum.smallest + spectrum.smallest_error;
  return spectrum.smallest > spectrum.smallest_error ? significant_text(spectrum.smallest, 3)
                                                     : "below " + significant_text(most, 2);
}

}  // namespace

void add_spectra(Section& section, const ExperimentResult& result) {
  TextTable table;
  table.caption = "Eigenvalues of the Hessian";
  table.header = {"pixels, records", "largest eigenvalue", "per record", "smallest"};
  for (const SpectrumResult& spectrum : result.spectra) {
    std::vector<std::string> row{point_text(spectrum.point)};
    if (spectrum.known)
      row.insert(
          row.end(), {significant_text(spectrum.largest, 4), significant_text(spectrum.largest / spectrum.records, 4),
                      smallest_text(spectrum)});
    row.resize(table.header.size());
    table.rows.push_back(std::move(row));
  }
  for (const PaperValues& paper : result.experiment.paper)
    table.rows.push_back({"paper: " + paper.who, significant_text(paper.largest_eigenvalue, 2), "", ""});
  section.tables.push_back(std::move(table));
}

}  // namespace proxprop::reproduce
