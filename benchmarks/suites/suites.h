#pragma once

#include "benchmarks/measure.h"

#include <string>
#include <vector>

namespace proxprop::benchmarks {

struct Suite {
  std::string name;
  std::string purpose;
  void (*run)(const Settings& settings, std::vector<Row>& rows);
};

/// paper, layers, scaling, resnet18.
const std::vector<Suite>& suites();

/// The methods of the suite `paper` for its case "mlp" or "convnet", backpropagation first.
std::vector<Contender> paper_contenders(const std::string& case_name);

void run_paper(const Settings& settings, std::vector<Row>& rows);
void run_layers(const Settings& settings, std::vector<Row>& rows);
void run_scaling(const Settings& settings, std::vector<Row>& rows);
void run_resnet18(const Settings& settings, std::vector<Row>& rows);

/// The cases of `layers` in which the planner's route takes more than `margin` times the best route's time, as lines to
/// print.
std::vector<std::string> planner_misses(const std::vector<Row>& rows, double margin);

}  // namespace proxprop::benchmarks
