#include "app/commands/verify.h"

#include "app/config_keys.h"
#include "app/exit_codes.h"
#include "app/text_table.h"
#include "train/data/batch.h"
#include "train/data/dataset.h"
#include "train/records/json.h"
#include "train/records/number_text.h"

#include <ATen/ops/arange.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>

namespace proxprop::app {
namespace {

using verify::Row;

constexpr int64_t records = 500;

verify::Batch digits() {
  const train::Dataset dataset = train::load_dataset("mnist-5k", {}, records, -1);
  const auto [images, labels] = train::to_batch(dataset.train, at::arange(records, at::kLong), at::kDouble, at::kCPU);
  return {images, labels};
}

train::Json row_json(const Row& row) {
  return {
      {"proposition", row.proposition},
      {"case", row.case_name},
      {"lhs", row.lhs},
      {"rhs", row.rhs},
      {"relation", verify::to_string(row.relation)},
      {"error", row.error},
      {"tolerance", row.tolerance},
      {"holds", row.holds}};
}

std::string number(double value) {
  return train::significant_text(value, 4);
}

std::string table(const std::vector<Row>& rows) {
  std::vector<std::vector<std::string>> cells{{"case", "left side", "", "right side", "error", "tolerance", "holds"}};
  for (const Row& row : rows) {
    cells.push_back(
        {row.case_name, number(row.lhs), verify::to_string(row.relation), number(row.rhs), number(row.error),
         number(row.tolerance), row.holds ? "yes" : "NO"});
  }
  return text_table(cells, {1, 3, 4, 5});
}

/// "12 of 12 hold"
std::string holding(const std::vector<Row>& rows) {
  const auto count = std::count_if(rows.begin(), rows.end(), [](const Row& row) { return row.holds; });
  return std::to_string(count) + " of " + std::to_string(rows.size()) + " hold";
}

std::string heading(const verify::Proposition& proposition, const std::vector<Row>& rows) {
  const std::string name = proposition.name.size() == 1 ? "Proposition " + proposition.name : proposition.name;
  return name + ": " + proposition.statement + " (" + holding(rows) + ")\n\n";
}

/// A seed as `train` takes it.
uint64_t seed_of(const std::string& text) {
  try {
    return std::get<uint64_t>(value_from_text(*find_key("train.seed"), text));
  } catch (const BadValue& error) {
    throw UsageError(std::string("--seed ") + error.what());
  }
}

}  // namespace

VerifyCommand::VerifyCommand(CLI::App& root)
    : Command(root.add_subcommand("verify", "check the paper's propositions numerically, and print both sides")) {
  std::vector<std::string> names;
  std::string footer =
      "\nIn float64, on small networks at random and at trained weights, on embedded digits. The judge is dense linear "
      "algebra.\nExit code 4 where a check fails.\n\nPropositions:\n";
  for (const verify::Proposition& proposition : verify::propositions()) {
    names.push_back(proposition.name);
    footer += "  " + proposition.name + std::string(12 - proposition.name.size(), ' ') + proposition.statement + "\n";
  }
  app->footer(footer + "\nExamples:\n  proxprop verify\n  proxprop verify --proposition 2,5 --seed 1 --json");
  app->add_option("--proposition", chosen_, "which ones, comma-separated (default: all)")
      ->delimiter(',')
      ->check(CLI::IsMember(names));
  app->add_option("--seed", seed_, "of the random weights and batches")->type_name("N")->capture_default_str();
  app->add_flag("--json", json_, "print one JSON list of the rows");
}

int VerifyCommand::run(const Session& session) {
  const verify::Problem problem = verify::make_problem(digits(), seed_of(seed_));
  std::vector<verify::Proposition> chosen;
  for (const verify::Proposition& proposition : verify::propositions()) {
    if (chosen_.empty() || std::find(chosen_.begin(), chosen_.end(), proposition.name) != chosen_.end())
      chosen.push_back(proposition);
  }
  return verify_propositions(chosen, problem, json_, session);
}

int verify_propositions(
    const std::vector<verify::Proposition>& propositions,
    const verify::Problem& problem,
    bool json,
    const Session& session) {
  std::vector<Row> all;
  bool hold = true;
  for (const verify::Proposition& proposition : propositions) {
    session.detail("checking " + proposition.name);
    const std::vector<Row> rows = proposition.check(problem);
    hold = hold && verify::all_hold(rows);
    for (const Row& row : rows) {
      if (!row.holds)
        session.error("does not hold: " + row.proposition + ", " + row.case_name);
    }
    if (!json)
      std::cout << heading(proposition, rows) << table(rows) << "\n" << std::flush;
    all.insert(all.end(), rows.begin(), rows.end());
  }
  if (json) {
    train::Json list = train::Json::array();
    for (const Row& row : all)
      list.push_back(row_json(row));
    std::cout << train::json_text(list, true) << "\n";
  } else {
    std::cout << holding(all) << "\n";
  }
  return hold ? exit_ok : exit_verification_failed;
}

}  // namespace proxprop::app
