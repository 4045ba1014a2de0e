#include "app/commands/info.h"

#include "app/dataset_list.h"
#include "app/exit_codes.h"
#include "app/plan_text.h"
#include "app/run.h"
#include "app/system_info.h"
#include "train/records/config_json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <iostream>

namespace proxprop::app {
namespace {

std::string as_text(const train::Json& value) {
  if (value.is_string())
    return value.get<std::string>();
  if (!value.is_array())
    return train::json_text(value);
  std::string text;
  for (const train::Json& element : value)
    text += (text.empty() ? "" : ", ") + as_text(element);
  return text;
}

void print_pairs(const train::Json& object) {
  std::size_t width = 0;
  for (const auto& [key, value] : object.items())
    width = std::max(width, key.size());
  for (const auto& [key, value] : object.items()) {
    const std::string text = as_text(value);
    if (!text.empty())
      std::cout << key << std::string(width - key.size() + 2, ' ') << text << "\n";
  }
}

std::string where(const train::Calibration& calibration) {
  if (calibration.file.empty())
    return "\nMeasured now; there is no folder to keep them in ($XDG_CACHE_HOME, or .cache in $HOME).\n";
  return (calibration.measured_now ? "\nMeasured now, and kept in " : "\nMeasured before, and kept in ") +
         calibration.file.string() + "\n";
}

}  // namespace

InfoCommand::InfoCommand(CLI::App& root)
    : Command(root.add_subcommand("info", "versions, devices, data sets, and the plan for a model's layers")),
      config_flags_(*app) {
  app->footer(
      "\nThe plan says, for each layer of the configured model, by which route its proximal step is computed and why, "
      "and\n"
      "what every route costs beyond plain backpropagation: by the planner's estimate, and measured on a random "
      "batch.\n"
      "With --calibrate also the rates of this machine, which are measured once and kept.\n"
      "\nExamples:\n  proxprop info\n  proxprop info --plan --model convnet --data cifar10\n"
      "  proxprop info --calibrate\n  proxprop info --json");
  app->add_flag("--no-measure", no_measure_, "the plan without measuring what each route costs on this machine");
  app->add_flag("--plan", plan_, "also the plan for the configured model; given any key below, that is meant");
  app->add_flag("--json", json_, "print one JSON object");
}

int InfoCommand::run(const Session&) {
  const ConfigSources sources = config_flags_.sources();
  refuse_scoped_sets(sources);
  const train::Config config = sources.resolve().config;
  const bool with_plan = plan_ || config_flags_.any();
  const std::vector<train::LayerPlan> plan = with_plan ? check_config(config) : std::vector<train::LayerPlan>();
  const auto costs = with_plan && !no_measure_ ? measure_plan(config) : std::vector<train::RouteMeasurement>();
  const auto calibration = config.train.calibrate ? std::optional(calibrate(config)) : std::nullopt;
  const train::Json system = system_info();
  if (json_) {
    train::Json object = {{"schema_version", 1}, {"system", system}, {"datasets", dataset_list(config.data.dir)}};
    if (with_plan) {
      object["config"] = train::config_to_json(config);
      object["plan"] = plan_json(plan);
      object["costs"] = costs_json(costs);
    }
    if (calibration)
      object["rates"] = train::rates_to_json(calibration->rates);
    std::cout << train::json_text(object, true) << "\n";
    return exit_ok;
  }
  print_pairs(system);
  std::cout << "\n" << dataset_table(config.data.dir);
  if (calibration)
    std::cout << "\n" << rates_table(calibration->rates) << where(*calibration);
  if (with_plan)
    std::cout << "\n" << plan_table(plan);
  if (!costs.empty())
    std::cout << "\n" << costs_table(costs);
  return exit_ok;
}

}  // namespace proxprop::app
