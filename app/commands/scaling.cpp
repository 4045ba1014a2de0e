#include "app/commands/scaling.h"

#include "app/exit_codes.h"
#include "app/text_table.h"
#include "benchmarks/rank_scaling.h"
#include "train/records/json.h"
#include "train/records/number_text.h"

#include <nlohmann/json.hpp>

#include <iostream>

namespace proxprop::app {
namespace {

using benchmarks::StepEstimate;
using train::fixed_text;

train::Json row_json(const std::string& method, int64_t ranks, const StepEstimate& step, const StepEstimate& plain) {
  return {
      {"method", method},
      {"ranks", ranks},
      {"seconds", step.seconds()},
      {"compute_seconds", step.compute},
      {"wire_seconds", step.wire},
      {"bytes_sent", step.bytes},
      {"ratio", step.seconds() / plain.seconds()},
      {"ratio_overlapped", step.overlapped() / plain.overlapped()},
      {"ratio_bytes", ranks > 1 ? step.bytes / plain.bytes : 0.0},
      {"sample_gram_layers", step.sample_layers},
      {"feature_gram_layers", step.feature_layers},
      {"matrix_free_layers", step.matrix_free_layers}};
}

std::string routes(const StepEstimate& step) {
  return std::to_string(step.sample_layers) + " / " + std::to_string(step.feature_layers) + " / " +
         std::to_string(step.matrix_free_layers);
}

}  // namespace

ScalingCommand::ScalingCommand(CLI::App& root)
    : Command(root.add_subcommand("scaling", "a model of training steps on 1 to 4096 ranks; nothing is run")) {
  app->footer(
      "\nEvery layer's work and bytes as the planner counts them, on ranks between which a message takes a latency and "
      "its\nbytes over a bandwidth. The step of all ranks is that of one with all samples; ratios are to "
      "backpropagation whose\ngradients are averaged. `hidden`: with everything sent behind computation.\n\nExamples:\n"
      "  proxprop scaling --network transformer --samples 8\n"
      "  proxprop scaling --flops 4e14 --latency 1e-5 --bandwidth 5e10 --ranks 8,64,512");
  app->add_option("--network", network_, "mlp, resnet50 or transformer")
      ->check(CLI::IsMember({"mlp", "resnet50", "transformer"}))
      ->capture_default_str();
  app->add_option("--ranks", ranks_, "numbers of ranks, comma-separated")
      ->delimiter(',')
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app->add_option("--samples", samples_, "images or sequences of each rank")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app->add_option("--flops", flops_, "float32 operations per second of a rank")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app->add_option("--latency", latency_, "seconds of a message")->check(CLI::NonNegativeNumber)->capture_default_str();
  app->add_option("--bandwidth", bandwidth_, "bytes per second that a rank sends")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app->add_option("--memory", memory_, "bytes that the step of a layer may take")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app->add_flag("--json", json_, "print one JSON object");
}

int ScalingCommand::run(const Session& session) {
  const benchmarks::Cluster cluster{flops_, latency_, bandwidth_, {}};
  const auto network = benchmarks::scaling_network(network_);
  std::vector<std::vector<std::string>> cells{
      {"ranks", "method", "seconds", "sent", "GB sent", "ratio", "hidden", "bytes", "sample / feature / free"}};
  train::Json rows = train::Json::array();
  for (const int64_t ranks : ranks_) {
    std::optional<StepEstimate> plain;
    for (const auto& method : benchmarks::scaling_methods()) {
      const auto step = benchmarks::estimate_step(network, method, cluster, ranks, samples_, memory_);
      if (!plain)
        plain = step;
      if (!step) {
        cells.push_back({std::to_string(ranks), method.name, "too much memory"});
        continue;
      }
      const auto row = row_json(method.name, ranks, *step, *plain);
      rows.push_back(row);
      cells.push_back(
          {std::to_string(ranks), method.name, fixed_text(step->seconds(), 3), fixed_text(step->wire, 3),
           fixed_text(step->bytes / 1e9, 2), fixed_text(row["ratio"].get<double>(), 2),
           fixed_text(row["ratio_overlapped"].get<double>(), 2), fixed_text(row["ratio_bytes"].get<double>(), 2),
           routes(*step)});
    }
  }
  if (json_) {
    const train::Json result = {{"network", network_}, {"samples", samples_},     {"flops", flops_},
                                {"latency", latency_}, {"bandwidth", bandwidth_}, {"memory", memory_},
                                {"rows", rows}};
    std::cout << result.dump(2) << "\n";
  } else if (!session.quiet) {
    std::cout << text_table(cells, {0, 2, 3, 4, 5, 6, 7});
  }
  return exit_ok;
}

}  // namespace proxprop::app
