#include "reproduce/section.h"

#include "reproduce/results_json.h"
#include "reproduce/results_page.h"
#include "scene.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>

using namespace proxprop;
using namespace proxprop::reproduce;

namespace {

class Sections : public testing::Test {
 protected:
  ExperimentResult result(const Experiment& experiment) {
    return read_result(experiment, 1, RunStore(folder / "runs", scene::no_warning), folder.path());
  }
  void run(const train::Config& config, int64_t epochs, double loss, const std::string& status = "finished") {
    scene::write_run(folder / "runs" / std::to_string(count_++), {config, epochs, status, loss});
  }

  train::TemporaryFolder folder;

 private:
  int count_ = 0;
};

const std::vector<std::string>& row(const TextTable& table, const std::string& name) {
  const auto found = std::find_if(table.rows.begin(), table.rows.end(), [&](const auto& r) { return r[0] == name; });
  if (found == table.rows.end())
    throw std::runtime_error("no row " + name);
  return *found;
}

Experiment two_methods() {
  Experiment experiment;
  experiment.name = "fig";
  experiment.title = "A figure";
  experiment.methods = {"backprop", "exact"};
  experiment.cells = {scene::cell(scene::config("backprop")), scene::cell(scene::config("exact"))};
  experiment.paper = {{"BackProp", {"backprop"}, 0.717, 0.696, PaperValues::unknown, {}}};
  experiment.remarks = "Why.";
  return experiment;
}

TEST_F(Sections, CurvesStandBesideThePapersValues) {
  run(scene::config("backprop"), 3, 1);
  run(scene::config("exact"), 3, 0.5);
  const Section section = section_of(result(two_methods()));
  const TextTable& table = section.tables.at(0);
  EXPECT_EQ(row(table, "exact")[3], "0.2500");
  EXPECT_EQ(row(table, "exact")[4], "70.00 %");
  EXPECT_EQ(row(table, "exact")[5], "2");
  EXPECT_EQ(row(table, "exact")[6], "60.00 %");
  EXPECT_EQ(row(table, "paper: BackProp")[4], "71.7 %");
  EXPECT_EQ(row(table, "paper: BackProp")[6], "69.6 %");
  EXPECT_EQ(section.tables.size(), 1U) << "no seconds without a measurement";
  ASSERT_EQ(section.curves.size(), 2U);
  EXPECT_TRUE(section.curves[0].seconds.empty());
}

TEST_F(Sections, SecondsAreStepsTimesTheMeasuredStepAndNotTheClockOfTheRun) {
  run(scene::config("backprop"), 3, 1);
  run(scene::config("exact"), 3, 0.5);
  write_timing(
      (std::filesystem::create_directories(folder / "fig"), folder / "fig" / "timing.json"),
      {{{"backprop", 1, 1, 1, 1}, {"exact", 2, 2, 2, 2}}, {}});
  const Section section = section_of(result(two_methods()));
  EXPECT_EQ(section.curves[0].seconds, (std::vector<double>{0, 10, 20, 30}));
  EXPECT_EQ(section.curves[1].seconds, (std::vector<double>{0, 20, 40, 60}));
  // At backprop's 30 s, exact is between its epochs 1 (loss 0.5) and 2 (1/3).
  EXPECT_EQ(row(section.tables.at(1), "exact")[3], "0.4167 / 0.5000 at 30.0 s");
  // It came down to 0.5 after 20 s.
  EXPECT_EQ(row(section.tables.at(1), "exact")[4], "20.0");
  EXPECT_EQ(row(section.tables.at(1), "exact")[5], "1.50 x");
}

TEST_F(Sections, WhatIsNotThereYetIsSaid) {
  run(scene::config("exact"), 1, 0.5, "interrupted");
  const TextTable table = section_of(result(two_methods())).tables.at(0);
  EXPECT_EQ(row(table, "backprop")[3], "...");
  EXPECT_EQ(row(table, "exact")[3], "0.5000 after epoch 1");
}

Experiment grid() {
  Experiment experiment;
  experiment.name = "table";
  experiment.title = "A table";
  experiment.shows = Shows::table;
  experiment.methods = {"exact"};
  for (const double lr : {10.0, 1.0, 0.1}) {
    train::Config config = scene::config("exact");
    config.optimizer.lr = lr;
    experiment.cells.push_back({"exact", {{"optimizer.lr", lr == 0.1 ? "0.1" : std::to_string(int(lr))}}, config});
  }
  PaperValues paper;
  paper.who = "ProxProp";
  paper.methods = {"exact"};
  paper.train_loss = {std::nan(""), 0.5, 0.25};
  experiment.paper = {paper};
  return experiment;
}

TEST_F(Sections, ATableMarksDivergenceAsThePaperDoesAndShowsHugeLosses) {
  const Experiment experiment = grid();
  run(experiment.cells[0].config, 1, 1, "diverged");
  run(experiment.cells[1].config, 3, 2e9);
  const Section section = section_of(result(experiment));
  const TextTable& table = section.tables.at(0);
  EXPECT_EQ(table.header, (std::vector<std::string>{"method", "10", "1", "0.1"}));
  EXPECT_EQ(row(table, "exact"), (std::vector<std::string>{"exact", "-", "1.000e+09", "..."}));
  EXPECT_EQ(row(table, "paper: exact"), (std::vector<std::string>{"paper: exact", "-", "0.500", "0.250"}));
  EXPECT_NE(section.notes.at(0).find("exact at 10: step 14"), std::string::npos) << section.notes.at(0);
  EXPECT_EQ(section.sweeps.at(0).x, (std::vector<double>{10, 1, 0.1}));
}

TEST_F(Sections, TuningChoosesByValidationAndLeavesOutWhatDiverged) {
  Experiment experiment = grid();
  experiment.shows = Shows::tuning;
  scene::write_run(folder / "runs" / "a", {experiment.cells[0].config, 1, "diverged"});
  scene::write_run(folder / "runs" / "b", {experiment.cells[1].config, 3, "finished", 1, 9});  // never above 50 %
  scene::write_run(folder / "runs" / "c", {experiment.cells[2].config, 3, "finished", 8, 2});
  const TextTable table = section_of(result(experiment)).tables.at(0);
  EXPECT_EQ(
      row(table, "exact"),
      (std::vector<std::string>{"exact", "3", "1", "tau = 0.1", "70.00 %", "2", "60.00 %", "4.000", ""}));
}

TEST_F(Sections, TuningShowsEvaluationsSecondsAndMemoryWhereTheyAreKnown) {
  Experiment experiment = two_methods();
  experiment.shows = Shows::tuning;
  experiment.cells[1].config.train.epochs = 2;  // a step over all records is an epoch
  scene::write_run(folder / "runs" / "a", {experiment.cells[0].config, 3, "finished", 1, 2, 1, 250'000'000});
  scene::write_run(folder / "runs" / "b", {experiment.cells[1].config, 2, "finished", 1, 1, 20, 1'500'000'000});
  std::filesystem::create_directories(folder / "fig");
  write_timing(folder / "fig" / "timing.json", {{{"backprop", 0.1, 1, 1, 1, 0.1}, {"exact", 5, 50, 50, 50, 25}}, {}});
  const Section section = section_of(result(experiment));
  EXPECT_NE(section.setting.find(", 3 epochs (exact: 2), "), std::string::npos) << section.setting;
  const std::vector<std::string>& backprop = row(section.tables.at(0), "backprop");
  const std::vector<std::string>& exact = row(section.tables.at(0), "exact");
  ASSERT_EQ(section.tables[0].header.size(), 12U);
  EXPECT_EQ(
      std::vector(backprop.begin() + 9, backprop.end()),
      (std::vector<std::string>{"2.00 (3.00)", "2.00 (3.00)", "250"}));
  // 20 evaluations at a fifth of a second, whatever number of them a measured step took.
  EXPECT_EQ(
      std::vector(exact.begin() + 9, exact.end()), (std::vector<std::string>{"20.0 (40.0)", "4.00 (8.00)", "1500"}));
  const TextTable& until = section.tables.at(2);
  EXPECT_EQ(until.caption, "Gradient evaluations until the validation accuracy is first reached");
  EXPECT_EQ(row(until, "65 %"), (std::vector<std::string>{"65 %", "1.75", "15.0"}));
  EXPECT_EQ(section.curves.at(1).evaluations, (std::vector<double>{0, 20, 40}));
  const auto json = nlohmann::json::parse(train::json_text(results_json({section})));
  EXPECT_EQ(json["sections"][0]["curves"][1]["evaluations"], nlohmann::json::parse("[0.0, 20.0, 40.0]"));
}

TEST_F(Sections, SpectraStandBesideThePapersValue) {
  Experiment experiment = grid();
  experiment.shows = Shows::spectrum;
  experiment.cells.resize(1);
  experiment.paper[0].largest_eigenvalue = 6.7e6;
  const auto place = folder / "runs" / ("hessian-" + run_folder("", experiment.cells[0].config).string().substr(6));
  std::filesystem::create_directories(place);
  std::ofstream(place / "hessian.json")
      << R"({"spectra": [{"rows": 9000, "largest": [{"value": 6.655e6}], "smallest": [{"value": 0.02, "error": 0.03}]}]})";
  const TextTable table = section_of(result(experiment)).tables.at(0);
  EXPECT_EQ(row(table, "10"), (std::vector<std::string>{"10", "6.655e+06", "739.4", "below 0.050"}));
  EXPECT_EQ(row(table, "paper: ProxProp")[1], "6.7e+06");
}

TEST_F(Sections, ThePageHasTablesPicturesAndRemarks) {
  run(scene::config("exact"), 3, 0.5);
  const std::vector<Section> sections{section_of(result(two_methods()))};
  const auto page = folder / "docs" / "results.md";
  EXPECT_EQ(results_markdown(sections, folder.path(), page).find("!["), std::string::npos);
  std::ofstream(folder / "fig.png") << "x";
  const std::string text = results_markdown(sections, folder.path(), page);
  EXPECT_NE(text.find("\n## A figure\n"), std::string::npos);
  EXPECT_NE(text.find("![A figure](../fig.png)"), std::string::npos);
  EXPECT_NE(text.find("| paper: BackProp |  |  |  | 71.7 % |  | 69.6 % |"), std::string::npos) << text;
  EXPECT_NE(text.find("\nWhy.\n"), std::string::npos);
}

TEST_F(Sections, TheJsonHasEveryNumberAndNullForWhatIsNotKnown) {
  const Experiment experiment = grid();
  run(experiment.cells[0].config, 1, 1, "diverged");
  run(experiment.cells[2].config, 3, 0.5);
  const std::string text = train::json_text(results_json({section_of(result(experiment))}));
  const auto json = nlohmann::json::parse(text).at("sections").at(0);
  EXPECT_EQ(json.at("sweeps").at(0).at("ours"), nlohmann::json::parse("[null, null, 0.25]"));
  EXPECT_EQ(json.at("tables").at(0).at("rows").at(0).at(0), "exact");
}

}  // namespace
