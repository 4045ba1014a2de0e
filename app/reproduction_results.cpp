// write_results of reproduction.h.

#include "app/reproduction.h"
#include "app/text_table.h"
#include "reproduce/results_json.h"
#include "reproduce/results_page.h"
#include "reproduce/results_report.h"
#include "reproduce/task_plan.h"
#include "train/errors.h"
#include "train/records/atomic_file.h"

#include <nlohmann/json.hpp>

#include <iostream>
#include <numeric>

namespace proxprop::app {
namespace {

void print(const reproduce::Section& section) {
  std::cout << section.title << "\n" << section.setting << "\n";
  for (const reproduce::TextTable& table : section.tables) {
    std::vector<std::vector<std::string>> rows{table.header};
    rows.insert(rows.end(), table.rows.begin(), table.rows.end());
    std::vector<std::size_t> numbers(table.header.size() - 1);
    std::iota(numbers.begin(), numbers.end(), std::size_t{1});
    std::cout << "\n" << table.caption << ":\n\n" << text_table(rows, numbers);
  }
  std::cout << "\n";
}

}  // namespace

void write_results(const std::filesystem::path& out, const std::filesystem::path& page, const Session& session) {
  const reproduce::RunStore store(reproduce::runs_folder(out), [&](const std::string& line) { session.warning(line); });
  std::vector<reproduce::Section> sections;
  for (const PlannedExperiment& planned : recorded_experiments(out))
    sections.push_back(section_of(read_result(planned.experiment, planned.seeds, store, out)));
  if (sections.empty())
    throw train::ConfigError("there are no records of an experiment in " + out.string());
  for (const reproduce::Section& section : sections)
    print(section);
  const train::Json results = reproduce::results_json(sections);
  train::write_file_atomically(out / "results.json", train::json_text(results, true) + "\n");
  train::write_file_atomically(page, reproduce::results_markdown(sections, out, page));
  reproduce::write_results_report(results, out / "report.html");
  std::cout << "report: " << (out / "report.html").string() << "\npage: " << page.string() << "\n";
}

}  // namespace proxprop::app
