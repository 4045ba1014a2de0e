#include "app/comparison_output.h"

#include "app/terminal.h"
#include "train/records/comparison.h"
#include "train/records/json.h"
#include "train/records/report.h"
#include "train/records/run_record.h"
#include "train/records/table.h"

#include <nlohmann/json.hpp>

#include <iostream>

namespace proxprop::app {
namespace {

train::Json summaries_json(const std::vector<train::RunRecord>& runs) {
  train::Json list = train::Json::array();
  const std::vector<train::RunSummary> summaries = train::summarize(runs);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const train::RunSummary& run = summaries[i];
    list.push_back(
        {{"label", run.label},
         {"folder", runs[i].folder.string()},
         {"status", run.status},
         {"epochs", run.epochs},
         {"seconds", run.seconds},
         {"evaluations", run.evaluations},
         {"final_train_loss", run.final_train_loss},
         {"best_validation_accuracy", run.best_validation_accuracy},
         {"best_epoch", run.best_epoch},
         {"test_accuracy", run.test_accuracy},
         {"seconds_per_epoch", run.seconds_per_epoch},
         {"seconds_ratio", run.seconds_ratio},
         {"seconds_to_baseline_loss", run.seconds_to_baseline_loss},
         {"speed_up", run.speed_up}});
  }
  return list;
}

}  // namespace

void print_and_write_comparison(
    const std::vector<std::filesystem::path>& run_folders, const std::filesystem::path& html, bool json) {
  const std::vector<train::RunRecord> runs = train::read_runs(run_folders);
  if (json) {
    const train::Json object = {{"schema_version", 1}, {"report", html.string()}, {"runs", summaries_json(runs)}};
    std::cout << train::json_text(object, true) << std::endl;
  } else {
    train::TableOptions options;
    options.width = stdout_width(options.width);
    std::cout << train::comparison_table(runs, options) << std::endl;
  }
  train::write_report(run_folders, html);
  if (!json)
    std::cout << "report: " << html.string() << "\n";
}

}  // namespace proxprop::app
