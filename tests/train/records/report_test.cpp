#include "tests/train/records/scene.h"
#include "train/records/metrics.h"
#include "train/records/posix_file.h"
#include "train/records/report.h"
#include "train/records/report_data.h"
#include "train/records/run_folder.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <string>
#include <vector>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;
using scene::Play;

class Report : public testing::Test {
 protected:
  Report() {
    // A stand-in for the five megabytes of the real script.
    scene::put(folder_.path() / "plotly.js", "var Plotly = {note: \"</script>\"};");
    ::setenv("PROXPROP_PLOTLY", (folder_.path() / "plotly.js").c_str(), 1);
  }
  ~Report() override { ::unsetenv("PROXPROP_PLOTLY"); }

  fs::path run(const Play& play) {
    const fs::path path = folder_.path() / ("run" + std::to_string(runs_++));
    prepare_run_folder(path, ExistingFolder::refuse);
    MetricsWriter writer(path);
    play.tell(writer);
    RunInfo info;
    info.label = play.label;
    info.config = play.start().config;
    write_run_info(path, info);
    return path;
  }
  std::string report(const std::vector<fs::path>& runs) {
    write_report(runs, folder_.path() / "report.html");
    return read_file(folder_.path() / "report.html");
  }
  static Json embedded_data(const std::string& html) {
    const std::string open = "<script type=\"application/json\" id=\"report-data\">";
    const size_t begin = html.find(open) + open.size();
    return Json::parse(html.substr(begin, html.find("</script>", begin) - begin));
  }

  TemporaryFolder folder_;
  int runs_ = 0;
};

size_t count(const std::string& text, const std::string& part) {
  size_t number = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at)
    ++number;
  return number;
}

TEST_F(Report, OpensWithoutNetwork) {
  const std::string html = report({run({}), run({.label = "backprop", .method = "backprop"})});
  for (const char* loads :
       {"http:", "https:", "src=", "<link", "@import", "url(", "fetch(", "XMLHttpRequest", "import("}) {
    EXPECT_EQ(html.find(loads), std::string::npos) << loads;
  }
  EXPECT_NE(html.find("Content-Security-Policy\" content=\"default-src 'none'"), std::string::npos);
}

TEST_F(Report, EscapesHostileLabels) {
  const std::string harmless = report({run({})});
  const std::string label = "</script><script>alert(1)</script><!--<img src=x>&{{plotly}}\xe2\x80\xa8";
  const std::string html = report({run({.label = label})});
  EXPECT_EQ(count(html, "<script"), count(harmless, "<script"));
  EXPECT_EQ(count(html, "</script"), count(harmless, "</script"));
  EXPECT_EQ(html.find("<!--"), std::string::npos);
  EXPECT_EQ(count(html, "<img"), 0u);
  EXPECT_EQ(count(html, "var Plotly"), 1u);
  EXPECT_EQ(embedded_data(html)["runs"][0]["label"], label);
}

TEST_F(Report, LabelsThatAreNotUtf8DoNoHarm) {
  const std::string html = report({run({.label = "\xff\xfe"})});
  EXPECT_EQ(embedded_data(html)["runs"][0]["label"], "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_F(Report, AScriptEndInsidePlotlyDoesNotEndTheElement) {
  EXPECT_NE(report({run({})}).find("note: \"<\\/script>\""), std::string::npos);
}

TEST_F(Report, HoldsCurvesSummariesAndPlans) {
  const Json data = embedded_data(report({run({}), run({.label = "backprop", .method = "backprop", .decay = 0.8})}));
  EXPECT_EQ(data["baseline"], 1);
  const Json& exact = data["runs"][0];
  EXPECT_EQ(exact["epochs"]["train_loss"], Json::parse("[2.0, 1.0, 0.5, 0.25]"));
  EXPECT_EQ(exact["epochs"]["seconds"], Json::parse("[0.0, 1.5, 3.0, 4.5]"));
  EXPECT_EQ(exact["batches"]["loss"].size(), 12u);
  EXPECT_EQ(exact["plan"][0]["route"], "sample Gram");
  EXPECT_GT(exact["summary"]["speed_up"].get<double>(), 1.0);
  EXPECT_EQ(exact["status"], "finished");
}

TEST_F(Report, HoldsTheChangesOfEnergyBlockByBlock) {
  RunRecord record = Play{}.record();
  EXPECT_TRUE(report_data({record})["runs"][0]["energies"].empty());
  record.metrics.energies = {
      {1, 0.25, "last", 2, 3.0, 2.5}, {1, 0.25, "z", 1, 2.5, 2.0}, {2, 0.5, "last", 2, 2.0, 2.25}};
  const Json blocks = report_data({record})["runs"][0]["energies"];
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[0]["block"], "last 2");
  EXPECT_EQ(blocks[0]["epoch"], Json::parse("[0.25, 0.5]"));
  EXPECT_EQ(blocks[0]["change"], Json::parse("[-0.5, 0.25]"));
  EXPECT_EQ(blocks[1]["block"], "z 1");
}

TEST_F(Report, LongBatchCurvesAreAveragedDown) {
  const Play play{.epochs = 1000, .decay = 0.999};
  const Json data = report_data({play.record()});
  EXPECT_EQ(data["runs"][0]["batches"]["per_point"], 4);
  EXPECT_EQ(data["runs"][0]["batches"]["loss"].size(), 1000u);
  const double mean = (play.step(1).loss + play.step(2).loss + play.step(3).loss + play.step(4).loss) / 4;
  EXPECT_NEAR(data["runs"][0]["batches"]["loss"][0].get<double>(), mean, 1e-6);
}

TEST_F(Report, ShowsARunThatWasKilled) {
  const fs::path path = run({});
  const std::string lines = read_file(path / "metrics.jsonl");
  scene::put(path / "metrics.jsonl", lines.substr(0, lines.size() - 20));
  EXPECT_EQ(embedded_data(report({path}))["runs"][0]["status"], "unfinished");
}

TEST_F(Report, IsAnAccessiblePage) {
  const std::string html = report({run({})});
  for (const char* part :
       {"<!DOCTYPE html>", "<html lang=\"en\">", "<title>", "name=\"viewport\"", "prefers-color-scheme: dark",
        "scope: \"col\"", "scope: \"row\"", "aria-pressed"}) {
    EXPECT_NE(html.find(part), std::string::npos) << part;
  }
}

TEST_F(Report, SaysWhatIsMissing) {
  const fs::path path = run({});
  EXPECT_NE(
      scene::error_of([&] { report({folder_.path() / "nothing"}); }).find("is not the folder of a run"),
      std::string::npos);
  EXPECT_EQ(scene::error_of([&] { report({}); }), "a report needs at least one run folder");
  ::setenv("PROXPROP_PLOTLY", "/nowhere/plotly.js", 1);
  EXPECT_EQ(scene::error_of([&] { report({path}); }), "PROXPROP_PLOTLY is /nowhere/plotly.js, which is no file");
}

}  // namespace
}  // namespace proxprop::train
