#include "tests/train/records/scene.h"
#include "train/records/config_json.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace proxprop::train {
namespace {

// Any finite double, infinities and NaN left out.
rc::Gen<double> any_number() {
  return rc::gen::suchThat(rc::gen::arbitrary<double>(), [](double value) { return std::isfinite(value); });
}

Config any_config() {
  const auto text = [] { return *rc::gen::string<std::string>().as("text"); };
  Config config;
  config.data = {text(), text(), *rc::gen::arbitrary<int64_t>(), *rc::gen::arbitrary<int64_t>(), text()};
  config.model = {
      text(), *rc::gen::arbitrary<std::vector<int64_t>>(), text(), *rc::gen::arbitrary<std::vector<std::string>>()};
  config.method = {text(),
                   *any_number(),
                   *rc::gen::arbitrary<int64_t>(),
                   *any_number(),
                   *rc::gen::arbitrary<int64_t>(),
                   *any_number(),
                   text(),
                   text()};
  config.method.penalty_rho = {*any_number(), *any_number()};
  config.optimizer = {text(),        *any_number(), *any_number(), *any_number(),
                      *any_number(), *any_number(), *any_number(), *any_number()};
  config.schedule.gamma = *any_number();
  config.schedule.warmup_epochs = *rc::gen::arbitrary<int64_t>();
  config.train.seed = *rc::gen::arbitrary<uint64_t>();
  config.train.deterministic = *rc::gen::arbitrary<bool>();
  config.train.save_every = *any_number();
  return config;
}

Config parsed(const std::string& text) {
  return config_from_json(Json::parse(text));
}

RC_GTEST_PROP(ConfigJson, ComesBackFromItsText, ()) {
  const Config config = any_config();
  const Json json = config_to_json(config);
  const Config back = config_from_json(json);
  RC_ASSERT(config_to_json(back) == json);
  RC_ASSERT(back.train.seed == config.train.seed);
  RC_ASSERT(back.model.hidden == config.model.hidden);
  RC_ASSERT(back.method.tau_theta == config.method.tau_theta);
  RC_ASSERT(back.method.penalty_rho == config.method.penalty_rho);
}

RC_GTEST_PROP(ConfigJson, NumbersRoundTripThroughText, ()) {
  Config config;
  config.method.tau_theta = *any_number();
  config.train.seed = *rc::gen::arbitrary<uint64_t>();
  const Config back = parsed(json_text(config_to_json(config)));
  RC_ASSERT(back.method.tau_theta == config.method.tau_theta);
  RC_ASSERT(back.train.seed == config.train.seed);
}

TEST(ConfigJson, AbsentKeysKeepTheirDefaults) {
  const Config config = parsed(R"({"method": {"name": "cg"}})");
  EXPECT_EQ(config.method.name, "cg");
  EXPECT_EQ(config.method.cg_iterations, Config().method.cg_iterations);
  EXPECT_EQ(config.data.name, Config().data.name);
}

TEST(ConfigJson, KeysAreTheNamesOfTheMembers) {
  const Json json = config_to_json(Config());
  EXPECT_EQ(json["method"]["tau_theta"], 0.05);
  EXPECT_EQ(json["train"]["batch_size"], 500);
  EXPECT_EQ(json["schedule"]["warmup_epochs"], 0);
}

TEST(ConfigJson, UnknownKeysAreNamed) {
  EXPECT_EQ(scene::error_of([] { parsed(R"({"method": {"tau": 1}})"); }), "unknown key method.tau");
  EXPECT_EQ(scene::error_of([] { parsed(R"({"metod": {}})"); }), "unknown key metod");
}

TEST(ConfigJson, WrongTypesAreNamed) {
  EXPECT_EQ(scene::error_of([] { parsed(R"({"train": {"epochs": 1.5}})"); }), "train.epochs must be an integer");
  EXPECT_EQ(scene::error_of([] { parsed(R"({"train": {"seed": -1}})"); }), "train.seed must be a non-negative integer");
  EXPECT_EQ(
      scene::error_of([] { parsed(R"({"model": {"hidden": [10, "x"]}})"); }), "model.hidden[1] must be an integer");
  EXPECT_EQ(
      scene::error_of([] { parsed(R"({"train": {"epochs": 18446744073709551615}})"); }),
      "train.epochs must be an integer");
  EXPECT_EQ(scene::error_of([] { parsed(R"({"data": 3})"); }), "data must be an object");
}

}  // namespace
}  // namespace proxprop::train
