#pragma once
// Paired measurements: all contenders take turns, step by step, in one process.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace proxprop::benchmarks {

/// One row of a result. Ratios are those of a contender's step to the baseline's step of the same round.
struct Row {
  std::string suite, case_name, method, route;
  double ms_median = 0;
  double ratio_median = 1, ratio_q1 = 1, ratio_q3 = 1;
  int64_t peak_bytes = 0;  ///< most memory that model, activations, gradients and workspace took; 0: not measured
  double residual = 0;     ///< largest relative residual |M V - b| / |b| over the layers; 0 for plain gradients
  bool planned = false;    ///< the route is the planner's own choice
};

/// A model that is ready to take steps.
struct Running {
  std::function<void()> step;
  std::function<double()> residual;  ///< may be empty
  std::string route;
};

struct Contender {
  std::string method;
  bool planned = false;
  std::function<Running()> build;
};

struct Settings {
  int rounds = 30;
  int warmup = 3;
  double seconds_per_case = 30;  ///< fewer rounds where these do not suffice, but never fewer than `fewest_rounds`
  int fewest_rounds = 5;
  double hopeless = 60;  ///< a contender whose first step takes more steps of the baseline than these is left out
  bool memory = true;
  std::string filter;  ///< only cases whose name contains it
  std::function<void(const std::string&)> progress;
};

/// Measures `contenders`, the first of which is the baseline, and appends one row each, but for hopeless ones.
void measure(
    const std::string& suite,
    const std::string& case_name,
    const std::vector<Contender>& contenders,
    const Settings& settings,
    std::vector<Row>& rows);

/// Lower quartile, median and upper quartile, by linear interpolation.
struct Quartiles {
  double q1 = 0, median = 0, q3 = 0;
};
Quartiles quartiles(std::vector<double> values);

}  // namespace proxprop::benchmarks
