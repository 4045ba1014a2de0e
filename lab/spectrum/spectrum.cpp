#include "lab/spectrum/spectrum.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

namespace proxprop::spectrum {
namespace {

constexpr int64_t extremes = 10;

std::vector<Eigenvalue> eigenvalues(const Lanczos& run) {
  std::vector<Eigenvalue> all;
  for (int64_t i = 0; i < run.values.numel(); ++i)
    all.push_back({run.values[i].item<double>(), run.residuals[i].item<double>()});
  return all;
}

std::vector<Eigenvalue> first(std::vector<Eigenvalue> all) {
  all.resize(std::min<size_t>(all.size(), extremes));
  return all;
}

}  // namespace

double Spectrum::mean() const {
  double total = 0;
  for (size_t i = 0; i < nodes.size(); ++i)
    total += nodes[i] * weights[i];
  return total;
}

double Spectrum::share_below(double value) const {
  double total = 0;
  for (size_t i = 0; i < nodes.size() && nodes[i] < value; ++i)
    total += weights[i];
  return total;
}

double Spectrum::share_negative() const {
  const double modulus = std::max(std::abs(nodes.front()), std::abs(nodes.back()));
  return share_below(-double(dimension) * std::numeric_limits<double>::epsilon() * modulus);
}

Spectrum spectrum(const SymmetricOperator& h, int64_t dimension, const SpectrumOptions& options) {
  TORCH_CHECK(dimension >= 1, "spectrum: dimension must be at least 1, got ", dimension);
  TORCH_CHECK(options.probes >= 1, "spectrum: probes must be at least 1, got ", options.probes);
  auto generator = at::make_generator<at::CPUGeneratorImpl>(options.seed);
  Spectrum result;
  result.dimension = dimension;
  result.exhausted = true;
  std::vector<std::pair<double, double>> quadrature;
  for (int64_t probe = 0; probe < options.probes; ++probe) {
    if (options.progress)
      options.progress(probe);
    const Lanczos run = lanczos(h, at::randn({dimension}, generator, at::kDouble), options.steps);
    result.exhausted = result.exhausted && run.exhausted;
    std::vector<Eigenvalue> found = eigenvalues(run);
    for (size_t i = 0; i < found.size(); ++i)
      quadrature.emplace_back(found[i].value, run.weights[int64_t(i)].item<double>() / double(options.probes));
    if (probe == 0 || found.front().value < result.smallest.front().value)
      result.smallest = first(found);
    if (probe == 0 || found.back().value > result.largest.front().value) {
      std::reverse(found.begin(), found.end());
      result.largest = first(found);
    }
  }
  std::sort(quadrature.begin(), quadrature.end());
  for (const auto& [node, weight] : quadrature) {
    result.nodes.push_back(node);
    result.weights.push_back(weight);
  }
  return result;
}

Density density(const Spectrum& spectrum, double width, int64_t points) {
  TORCH_CHECK(width > 0 && points >= 2, "density: width must be positive and points at least 2");
  Density result;
  result.width = width;
  const double low = spectrum.nodes.front() - 3 * width, high = spectrum.nodes.back() + 3 * width;
  const double height = 1 / (width * std::sqrt(2 * std::numbers::pi));
  for (int64_t i = 0; i < points; ++i) {
    const double at = low + (high - low) * double(i) / double(points - 1);
    double value = 0;
    for (size_t j = 0; j < spectrum.nodes.size(); ++j) {
      const double distance = (at - spectrum.nodes[j]) / width;
      value += spectrum.weights[j] * height * std::exp(-0.5 * distance * distance);
    }
    result.at.push_back(at);
    result.value.push_back(value);
  }
  return result;
}

}  // namespace proxprop::spectrum
