#include "app/commands/report.h"

#include "app/comparison_output.h"
#include "app/comparison_plan.h"
#include "app/exit_codes.h"
#include "train/errors.h"

#include <algorithm>
#include <filesystem>

namespace proxprop::app {
namespace {

namespace fs = std::filesystem;

bool has(const fs::path& folder, const char* record) {
  std::error_code ignored;
  return fs::exists(folder / record, ignored);
}

/// A run folder itself; of a comparison, the runs that have begun, in its order; of any other folder, the run folders
/// in it.
std::vector<fs::path> runs_in(const fs::path& folder) {
  if (has(folder, "run.json"))
    return {folder};
  std::vector<fs::path> runs;
  if (has(folder, "compare.json")) {
    for (const ComparedMethod& method : read_comparison(folder))
      runs.push_back(folder / method.label);
    std::erase_if(runs, [](const fs::path& run) { return !has(run, "metrics.jsonl"); });
  } else {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (has(entry.path(), "run.json"))
        runs.push_back(entry.path());
    }
    if (error)
      throw train::ConfigError("cannot read the folder " + folder.string() + ": " + error.message());
    std::sort(runs.begin(), runs.end());
  }
  if (runs.empty())
    throw train::ConfigError("there is no run in " + folder.string());
  return runs;
}

}  // namespace

ReportCommand::ReportCommand(CLI::App& root)
    : Command(root.add_subcommand("report", "write the report over run folders again, and print the table")) {
  app->footer("\nExamples:\n  proxprop report runs/demo\n  proxprop report runs/a runs/b --out runs/a-and-b.html");
  app->add_option("DIR", folders_, "run folders, or folders that hold some")->required()->type_name(" ");
  app->add_option(
         "--out", out_,
         "HTML file; one that exists is only replaced if it ends in .html [DIR/report.html for one DIR, report.html "
         "for "
         "several]")
      ->type_name("FILE");
  app->add_flag("--json", json_, "print the result as one JSON object");
}

int ReportCommand::run(const Session& session) {
  std::error_code ignored;
  if (!out_.empty() && fs::exists(out_, ignored) && fs::path(out_).extension() != ".html") {
    throw UsageError("--out " + out_ + " exists and is no .html file; name another file, or remove this one first");
  }
  std::vector<fs::path> folders;
  for (const std::string& folder : folders_) {
    for (const fs::path& run : runs_in(folder))
      folders.push_back(run);
  }
  fs::path html = out_;
  if (out_.empty())
    html = folders_.size() == 1 ? fs::path(folders_.front()) / "report.html" : fs::path("report.html");
  session.detail("report over " + std::to_string(folders.size()) + " runs");
  print_and_write_comparison(folders, html, json_);
  return exit_ok;
}

}  // namespace proxprop::app
