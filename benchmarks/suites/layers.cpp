// Single layers by every route, so that the planner's choice can be judged, and how they scale.

#include "benchmarks/suites/layer_cases.h"
#include "benchmarks/suites/suites.h"

#include <proxprop/prox/options.h>

#include <map>
#include <optional>

namespace proxprop::benchmarks {

namespace {

// Bytes of the largest matrix that a forced route is allowed to make.
constexpr double largest_gram_bytes = 2e9;

Contender contender(const LayerCase& c, const Solver& solver, std::optional<Route> route) {
  const ProximalOptions options{1.0, solver, Scaling::sum, route};
  return {to_string(solver), !route, [=] { return c.make(options); }};
}

Contender baseline(const LayerCase& c) {
  return {"backprop", false, [=] { return c.make(std::nullopt); }};
}

void measure_routes(const LayerCase& c, const Settings& settings, std::vector<Row>& rows) {
  const auto fits = [](int64_t side) { return 8 * double(side) * double(side) <= largest_gram_bytes; };
  for (const Solver& solver : {Solver(Cholesky{}), Solver(ConjugateGradient{3})}) {
    std::vector<Contender> contenders{baseline(c), contender(c, solver, std::nullopt)};
    if (fits(c.dimensions.rows)) {
      contenders.push_back(contender(c, solver, Route::sample_gram));
    }
    if (fits(c.dimensions.columns)) {
      contenders.push_back(contender(c, solver, Route::feature_gram));
    }
    if (!std::holds_alternative<Cholesky>(solver)) {
      contenders.push_back(contender(c, solver, Route::matrix_free));
    }
    auto quiet = settings;
    quiet.memory = false;
    measure("layers", c.name, contenders, quiet, rows);
  }
}

void measure_scaling(const LayerCase& c, const Settings& settings, std::vector<Row>& rows) {
  std::vector<Contender> contenders{baseline(c)};
  for (const Solver& solver : {Solver(Cholesky{}), Solver(ConjugateGradient{3})}) {
    contenders.push_back(contender(c, solver, std::nullopt));
  }
  measure("scaling", c.name, contenders, settings, rows);
}

LayerCase images(int64_t batch, int64_t in, int64_t out, int64_t side, int64_t kernel, const ConvForm& form = {}) {
  return conv_case({batch, in, out, {side, side}, kernel, form});
}

}  // namespace

void run_layers(const Settings& settings, std::vector<Row>& rows) {
  for (const auto& c : {
           linear_case(32, 512, 512),
           linear_case(128, 784, 512),
           linear_case(500, 3072, 4000),
           linear_case(500, 4000, 1000),
           linear_case(500, 1000, 4000),
           linear_case(500, 512, 512),
           linear_case(1000, 1000, 1000),
           linear_case(2048, 256, 256),
           linear_case(4096, 768, 768),
           linear_case(4096, 768, 3072),
           linear_case(128, 2048, 10),
           images(500, 3, 16, 32, 5),
           images(500, 16, 20, 16, 5),
           images(500, 20, 20, 8, 5),
           images(128, 64, 64, 32, 3),
           images(128, 64, 128, 32, 3, {.stride = 2}),
           images(128, 128, 128, 16, 3),
           images(128, 256, 256, 8, 3),
           images(32, 512, 512, 4, 3),
           images(128, 64, 128, 32, 1, {.stride = 2}),
           images(128, 64, 64, 16, 3, {.dilation = 2}),
           images(128, 64, 64, 16, 3, {.groups = 64}),
           conv_case({64, 64, 64, {256}, 5, {}}),
           conv_case({16, 16, 16, {8, 16, 16}, 3, {}}),
           images(128, 64, 32, 8, 4, {.stride = 2, .transposed = true}),
           images(128, 16, 3, 16, 5, {.transposed = true}),
       }) {
    measure_routes(c, settings, rows);
  }
}

void run_scaling(const Settings& settings, std::vector<Row>& rows) {
  for (const int64_t batch : {1, 8, 64, 512, 2048, 8192}) {
    measure_scaling(linear_case(batch, 1024, 1024), settings, rows);
  }
  for (const int64_t width : {64, 256, 1024, 4096, 8192}) {
    measure_scaling(linear_case(500, width, width), settings, rows);
  }
  for (const int64_t channels : {1, 3, 16, 64, 256}) {
    measure_scaling(images(64, channels, channels, 16, 3), settings, rows);
  }
  for (const int64_t kernel : {1, 3, 5, 7, 11}) {
    measure_scaling(images(64, 16, 16, 32, kernel), settings, rows);
  }
}

std::vector<std::string> planner_misses(const std::vector<Row>& rows, double margin) {
  std::map<std::string, std::pair<const Row*, const Row*>> cases;  // planned, best
  for (const auto& row : rows) {
    if (row.suite != "layers" || row.method == "backprop") {
      continue;
    }
    auto& [planned, best] = cases[row.case_name + ", " + row.method];
    if (row.planned) {
      planned = &row;
    }
    if (best == nullptr || row.ratio_median < best->ratio_median) {
      best = &row;
    }
  }
  std::vector<std::string> lines;
  for (const auto& [name, found] : cases) {
    const auto& [planned, best] = found;
    if (planned != nullptr && planned->route != best->route && planned->ratio_median > margin * best->ratio_median) {
      lines.push_back(
          name + ": planned " + planned->route + " at " + std::to_string(planned->ratio_median) + ", best " +
          best->route + " at " + std::to_string(best->ratio_median));
    }
  }
  return lines;
}

const std::vector<Suite>& suites() {
  static const std::vector<Suite> all{
      {"paper", "training steps of the paper's MLP and ConvNet, batch 500", run_paper},
      {"layers", "single layers by every route, and the planner's choice", run_layers},
      {"scaling", "batch sizes, widths, channels and kernel sizes", run_scaling},
      {"resnet18", "training steps of ResNet-18 for CIFAR, batch 128", run_resnet18}};
  return all;
}

}  // namespace proxprop::benchmarks
