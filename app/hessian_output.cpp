#include "app/hessian_output.h"

#include "app/text_table.h"
#include "train/records/atomic_file.h"
#include "train/records/config_json.h"
#include "train/records/number_text.h"
#include "train/records/spectrum_page.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>

namespace proxprop::app {
namespace {

using spectrum::Eigenvalue;
using spectrum::Spectrum;

constexpr int64_t density_points = 400;

std::string number(double value) {
  return train::significant_text(value, 6);
}

std::string with_error(const Eigenvalue& eigenvalue) {
  return number(eigenvalue.value) + " +- " + train::significant_text(eigenvalue.error, 2);
}

/// Largest over smallest; not a number where the smallest is not known to be above zero.
double condition(const Spectrum& spectrum) {
  const Eigenvalue smallest = spectrum.smallest.front();
  return smallest.value > smallest.error ? spectrum.largest.front().value / smallest.value : std::nan("");
}

train::Json eigenvalues_json(const std::vector<Eigenvalue>& eigenvalues) {
  train::Json list = train::Json::array();
  for (const Eigenvalue& eigenvalue : eigenvalues)
    list.push_back({{"value", eigenvalue.value}, {"error", eigenvalue.error}});
  return list;
}

train::Json spectrum_json(const NamedSpectrum& named) {
  const Spectrum& s = named.spectrum;
  const double span = std::max(s.nodes.back() - s.nodes.front(), std::abs(s.nodes.back()));
  const spectrum::Density curve = spectrum::density(s, span > 0 ? span / 200 : 1, density_points);
  return {
      {"name", named.name},
      {"rows", named.rows},
      {"dimension", s.dimension},
      {"exhausted", s.exhausted},
      {"largest", eigenvalues_json(s.largest)},
      {"smallest", eigenvalues_json(s.smallest)},
      {"condition", condition(s)},
      {"mean", s.mean()},
      {"share_negative", s.share_negative()},
      {"nodes", s.nodes},
      {"weights", s.weights},
      {"density", {{"width", curve.width}, {"at", curve.at}, {"value", curve.value}}}};
}

train::Json hessian_json(const train::Config& config, const std::vector<NamedSpectrum>& spectra) {
  train::Json object = {{"schema_version", 1}, {"config", train::config_to_json(config)}};
  object["spectra"] = train::Json::array();
  for (const NamedSpectrum& named : spectra)
    object["spectra"].push_back(spectrum_json(named));
  return object;
}

}  // namespace

void print_hessian(const train::Config& config, const std::vector<NamedSpectrum>& spectra, bool json) {
  if (json) {
    std::cout << train::json_text(hessian_json(config, spectra), true) << "\n";
    return;
  }
  std::vector<std::vector<std::string>> cells{
      {"Hessian", "rows", "size", "largest eigenvalue", "smallest", "largest / smallest", "mean", "below 0"}};
  for (const NamedSpectrum& named : spectra) {
    const Spectrum& s = named.spectrum;
    cells.push_back(
        {named.name, train::grouped_text(named.rows), train::grouped_text(s.dimension), with_error(s.largest.front()),
         with_error(s.smallest.front()), number(condition(s)), number(s.mean()),
         train::percent_text(s.share_negative())});
  }
  std::cout << text_table(cells, {1, 2, 3, 4, 5, 6, 7});
}

void write_hessian_files(
    const std::filesystem::path& folder, const train::Config& config, const std::vector<NamedSpectrum>& spectra) {
  const train::Json object = hessian_json(config, spectra);
  train::write_spectrum_page(object, folder / "hessian.html");
  train::write_file_atomically(folder / "hessian.json", train::json_text(object, true) + "\n");
}

}  // namespace proxprop::app
