// Whole training steps: the paper's two models, and ResNet-18 for CIFAR.

#include "benchmarks/networks.h"
#include "benchmarks/suites/suites.h"

namespace proxprop::benchmarks {

namespace {

constexpr double tau_theta = 1.0;

std::vector<Contender> contenders(
    const std::function<Function(LayerMaker&)>& network, int64_t batch, const std::vector<int64_t>& cg_iterations) {
  std::vector<Contender> result{training_step("backprop", std::nullopt, network, batch)};
  result.push_back(training_step("exact", ProximalOptions{tau_theta}, network, batch));
  for (const auto iterations : cg_iterations) {
    const ConjugateGradient cg{iterations};
    result.push_back(training_step(to_string(Solver(cg)), ProximalOptions{tau_theta, cg}, network, batch));
  }
  return result;
}

}  // namespace

std::vector<Contender> paper_contenders(const std::string& case_name) {
  return contenders(case_name == "mlp" ? mlp : convnet, 500, {1, 3, 5, 10});
}

void run_paper(const Settings& settings, std::vector<Row>& rows) {
  for (const auto* case_name : {"mlp", "convnet"}) {
    measure("paper", case_name, paper_contenders(case_name), settings, rows);
  }
}

void run_resnet18(const Settings& settings, std::vector<Row>& rows) {
  auto methods = contenders(resnet18, 128, {3});
  for (const Solver& solver : {Solver(AmortizedCholesky{}), Solver(RunningGram{0.95, 50})}) {
    methods.push_back(training_step(to_string(solver), ProximalOptions{tau_theta, solver}, resnet18, 128));
  }
  measure("resnet18", "resnet18", methods, settings, rows);
}

}  // namespace proxprop::benchmarks
