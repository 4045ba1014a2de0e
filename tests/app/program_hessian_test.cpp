// `proxprop hessian` tells eigenvalues, and writes a page about them.

#include "scene.h"

#include <nlohmann/json.hpp>

#include <cmath>

using namespace proxprop::test;

class Hessian : public Scene {
 protected:
  nlohmann::json json(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "hessian");
    arguments.emplace_back("--json");
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return nlohmann::json::parse(outcome.out);
  }
  static double largest(const nlohmann::json& object) {
    return object.at("spectra").at(0).at("largest").at(0).at("value").get<double>();
  }
};

TEST_F(Hessian, OfTheFirstLayerGrowsWithTheRecordsAndItsMeanDoesNot) {
  const double few = largest(json({"--hidden=8", "--train-size=200"}));
  const double many = largest(json({"--hidden=8", "--train-size=800"}));
  EXPECT_NEAR(many / few, 4, 0.4);
  const double mean = largest(json({"--hidden=8", "--train-size=800", "--scaling=mean"}));
  EXPECT_NEAR(mean, many / 800, 1e-9 * mean);
}

TEST_F(Hessian, PixelsWithoutTheirMeanAndWithoutBiasHaveSmallerEigenvalues) {
  const double with = largest(json({"--hidden=8", "--train-size=300"}));
  EXPECT_LT(largest(json({"--hidden=8", "--train-size=300", "--no-bias"})), with);
  EXPECT_LT(largest(json({"--hidden=8", "--train-size=300", "--normalization=center"})), with);
}

TEST_F(Hessian, OfTheNetworkIsToldAtTheWeightsOfARun) {
  ASSERT_EQ(run_small({"train", "--epochs=1", "--out", path("run")}).code, 0);
  const auto fresh = json(small({"--of=network", "--steps=8", "--probes=1"}));
  const auto trained = json(small(
      {"--of=network", "--steps=8", "--probes=1", "--weights", path("run/checkpoints/model.safetensors")}));
  const auto& spectrum = trained.at("spectra").at(0);
  EXPECT_EQ(spectrum.at("dimension"), 784 * 24 + 24 + 24 * 10 + 10);
  EXPECT_EQ(spectrum.at("rows"), 400);
  EXPECT_GT(largest(trained), 0);
  EXPECT_NE(largest(trained), largest(fresh));
}

TEST_F(Hessian, WritesAPageThatNeedsNothingElse) {
  write("plotly.js", "var Plotly = {};");
  const std::vector<std::string> plotly{"PROXPROP_PLOTLY=" + path("plotly.js")};
  const Outcome outcome =
      run({"hessian", "--hidden=8", "--train-size=100", "--steps=10", "--out", path("spectra")}, plotly);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("first layer, sum, with bias"), std::string::npos) << outcome.out;
  const std::string page = read_file(path("spectra/hessian.html"));
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(page.find("var Plotly = {};"), std::string::npos);
  EXPECT_EQ(page.find("{{"), std::string::npos) << "a placeholder was left";
  EXPECT_EQ(nlohmann::json::parse(read_file(path("spectra/hessian.json"))).at("spectra").size(), 1u);
  expect_error(run({"hessian", "--hidden=8", "--train-size=100", "--out", path("spectra")}), 3, "spectra");
  const Outcome again =
      run({"hessian", "--hidden=8", "--train-size=100", "--steps=5", "--force", "--out", path("spectra")}, plotly);
  EXPECT_EQ(again.code, 0) << again.err;
}

TEST_F(Hessian, WeightsOfAnotherModelAreRefused) {
  ASSERT_EQ(run_small({"train", "--epochs=1", "--out", path("run")}).code, 0);
  expect_error(
      run({"hessian", "--of=network", "--hidden=9", "--weights", path("run/checkpoints/model.safetensors")}), 3,
      "weight");
}
