#include "app/commands/bench.h"

#include "app/exit_codes.h"
#include "app/system_info.h"
#include "app/text_table.h"
#include "benchmarks/suites/suites.h"
#include "train/calibration.h"
#include "train/records/atomic_file.h"
#include "train/records/number_text.h"
#include "train/records/posix_file.h"

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <sstream>

namespace proxprop::app {
namespace {

using benchmarks::Row;
using train::fixed_text;

std::string scientific(double value) {
  std::ostringstream text;
  text << std::scientific << std::setprecision(1) << value;
  return value == 0 ? "" : text.str();
}

train::Json row_json(const Row& row) {
  return {{"suite", row.suite},       {"case", row.case_name},      {"method", row.method},
          {"route", row.route},       {"ms_median", row.ms_median}, {"ratio_median", row.ratio_median},
          {"ratio_q1", row.ratio_q1}, {"ratio_q3", row.ratio_q3},   {"peak_bytes", row.peak_bytes},
          {"residual", row.residual}, {"planned", row.planned}};
}

std::string table(const std::vector<Row>& rows) {
  std::vector<std::vector<std::string>> cells{
      {"case", "method", "route", "ms", "ratio", "quartiles", "peak MB", "residual"}};
  for (const Row& row : rows) {
    cells.push_back(
        {row.case_name, row.method, row.route + (row.planned && row.suite == "layers" ? " (planned)" : ""),
         fixed_text(row.ms_median, 2), fixed_text(row.ratio_median, 3),
         fixed_text(row.ratio_q1, 3) + " .. " + fixed_text(row.ratio_q3, 3),
         row.peak_bytes > 0 ? fixed_text(double(row.peak_bytes) / 1e6, 0) : "", scientific(row.residual)});
  }
  return text_table(cells, {3, 4, 6, 7});
}

std::string key_of(const train::Json& row) {
  return row.at("suite").get<std::string>() + " / " + row.at("case").get<std::string>() + " / " +
         row.at("method").get<std::string>() + " / " + row.at("route").get<std::string>();
}

/// Rows whose ratio is more than `tolerance` above the record's, as lines to print.
std::vector<std::string> regressions(const train::Json& record, const std::vector<Row>& rows, double tolerance) {
  std::vector<std::string> lines;
  for (const Row& row : rows) {
    const train::Json mine = row_json(row);
    for (const train::Json& old : record.at("rows")) {
      const double before = old.at("ratio_median").get<double>();
      if (key_of(old) == key_of(mine) && row.ratio_median > before * (1 + tolerance)) {
        lines.push_back(key_of(mine) + ": " + fixed_text(row.ratio_median, 3) + ", was " + fixed_text(before, 3));
        break;
      }
    }
  }
  return lines;
}

/// The OpenMP runtime reads its environment when it is loaded: the process starts again with threads that stay on
/// their cores.
void restart_with_pinned_threads(const Session& session) {
  if (std::getenv("OMP_PROC_BIND") != nullptr)
    return;
  setenv("OMP_PROC_BIND", "true", 1);
  setenv("OMP_PLACES", "cores", 0);
  std::vector<char*> arguments;
  for (const std::string& word : session.command_line)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv("/proc/self/exe", arguments.data());
  // Where that is not possible, the threads stay where the system puts them; the record says so.
  unsetenv("OMP_PROC_BIND");
}

}  // namespace

BenchCommand::BenchCommand(CLI::App& root)
    : Command(root.add_subcommand("bench", "measure the proximal steps against plain backpropagation")) {
  std::vector<std::string> names;
  std::string footer =
      "\nAll methods take turns, step by step, in one process; a ratio is that of two steps of the same round. A step "
      "is\n"
      "forward, loss and backward. The baseline is torch::nn.\n\nSuites:\n";
  for (const benchmarks::Suite& suite : benchmarks::suites()) {
    names.push_back(suite.name);
    footer += "  " + suite.name + std::string(10 - suite.name.size(), ' ') + suite.purpose + "\n";
  }
  app->footer(
      footer +
      "\nExamples:\n  proxprop bench\n  proxprop bench --suite layers --filter conv2d\n"
      "  proxprop bench --suite paper --json mine.json --against benchmarks/results/paper.json");
  app->add_option("--suite", suites_, "which suites, comma-separated (default: paper)")
      ->delimiter(',')
      ->check(CLI::IsMember(names));
  app->add_option("--filter", filter_, "only cases whose name contains this");
  app->add_option("--rounds", rounds_, "rounds per case")->check(CLI::Range(1, 100000))->capture_default_str();
  app->add_option("--seconds", seconds_, "stop a case's rounds after so many seconds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app->add_option("--threads", threads_, "threads (default: all cores)")->check(CLI::Range(1, 4096));
  app->add_flag("--no-memory", no_memory_, "do not measure peak memory");
  app->add_flag("--calibrate", calibrate_, "plan by rates measured on this machine, once, in place of fixed weights");
  app->add_option("--json", json_, "write the record to this file; - for standard output");
  app->add_option("--against", against_, "compare with a stored record; exit code 4 where a ratio got worse")
      ->check(CLI::ExistingFile);
  app->add_option("--tolerance", tolerance_, "how much worse is worse, as a fraction")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

int BenchCommand::run(const Session& session) {
  restart_with_pinned_threads(session);
  if (threads_ > 0)
    at::set_num_threads(threads_);
  if (calibrate_)
    use_rates(train::calibrate().rates);
  train::Json record;
  if (!against_.empty())
    record = train::parse_json(train::read_file(against_), against_);
  if (suites_.empty())
    suites_ = {"paper"};

  benchmarks::Settings settings;
  settings.rounds = rounds_;
  settings.seconds_per_case = seconds_;
  settings.memory = !no_memory_;
  settings.filter = filter_;
  const bool live = !session.quiet && isatty(STDERR_FILENO);
  if (live)
    settings.progress = [](const std::string& line) { std::cerr << "\r\033[K" + line << std::flush; };

  std::vector<Row> rows;
  for (const benchmarks::Suite& suite : benchmarks::suites()) {
    if (std::find(suites_.begin(), suites_.end(), suite.name) == suites_.end())
      continue;
    const std::size_t first = rows.size();
    suite.run(settings, rows);
    if (live)
      std::cerr << "\r\033[K";
    if (json_ != "-")
      std::cout << suite.name << ": " << suite.purpose << "\n\n"
                << table({rows.begin() + std::ptrdiff_t(first), rows.end()}) << "\n"
                << std::flush;
  }

  train::Json result = {{"schema_version", 1}, {"system", system_info()}};
  result["threads"] = at::get_num_threads();
  result["rates"] = train::rates_to_json(rates_in_use());
  result["pinned"] = std::getenv("OMP_PROC_BIND") != nullptr;
  for (const Row& row : rows)
    result["rows"].push_back(row_json(row));
  if (json_ == "-")
    std::cout << train::json_text(result, true) << "\n";
  else if (!json_.empty())
    train::write_file_atomically(json_, train::json_text(result, true) + "\n");

  for (const std::string& line : benchmarks::planner_misses(rows, 1.1))
    session.note("the planner missed the best route by more than 10 %: " + line);
  const std::vector<std::string> worse =
      record.is_null() ? std::vector<std::string>() : regressions(record, rows, tolerance_);
  for (const std::string& line : worse)
    session.error("slower than the record: " + line);
  return worse.empty() ? exit_ok : exit_verification_failed;
}

}  // namespace proxprop::app
