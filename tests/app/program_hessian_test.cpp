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
  /// Of the network that run_small() trains.
  nlohmann::json of_the_small_network(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"--of=network", "--train-size=400", "--hidden=24", "--threads=1",
                                          "--seed=3",     "--steps=8",        "--probes=1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return json(arguments);
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
  const auto fresh = of_the_small_network();
  const auto trained = of_the_small_network({"--weights", path("run/checkpoints/model.safetensors")});
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
  expect_error(
      run({"hessian", "--hidden=8", "--train-size=100", "--out", path("spectra")}), 3, "is not empty: --force");
  const Outcome again =
      run({"hessian", "--hidden=8", "--train-size=100", "--steps=5", "--force", "--out", path("spectra")}, plotly);
  EXPECT_EQ(again.code, 0) << again.err;
}

TEST_F(Hessian, OfTheFirstLayerHasNoNegativeEigenvalues) {
  const std::vector<std::vector<std::string>> cases = {
      {"--hidden=8", "--train-size=100"}, {"--layers=flatten", "--train-size=50", "--no-bias", "--steps=60"}};
  for (const auto& arguments : cases)
    EXPECT_EQ(json(arguments).at("spectra").at(0).at("share_negative"), 0);
}

// Training's dtype is float32 by default; products in it would have more error than the residuals tell.
TEST_F(Hessian, OfTheNetworkIsComputedInFloat64) {
  const auto by_default = of_the_small_network();
  EXPECT_EQ(by_default.at("config").at("train").at("dtype"), "float64");
  EXPECT_EQ(largest(by_default), largest(of_the_small_network({"--set=train.dtype=float64"})));
}

TEST_F(Hessian, FlagsThatSayNothingOfItAreRefused) {
  for (const char* flag : {"--lr=3", "--optimizer=sgd", "--epochs=3", "--step-z=implicit", "--dtype=float32"})
    expect_error(run({"hessian", flag}), 2, std::string(flag).substr(0, std::string(flag).find('=')));
  write("weights", "");
  expect_error(run({"hessian", "--weights", path("weights")}), 2, "--of network");
  expect_error(run({"hessian", "--of=network", "--no-bias"}), 2, "--no-bias");
  expect_error(run({"hessian", "--of=network", "--scaling=mean"}), 2, "--scaling");
  expect_error(run({"hessian", "--layers=batch_norm,flatten", "--train-size=50"}), 3, "first layer");
}

TEST_F(Hessian, WeightsOfAnotherModelAreRefused) {
  ASSERT_EQ(run_small({"train", "--epochs=1", "--out", path("run")}).code, 0);
  expect_error(
      run({"hessian", "--of=network", "--hidden=9", "--weights", path("run/checkpoints/model.safetensors")}), 3,
      "weight");
}
