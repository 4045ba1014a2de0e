#include "app/config_keys.h"
#include "train/records/config_json.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>

using namespace proxprop;
using namespace proxprop::app;

namespace {

std::string complaint(const char* path, const char* text) {
  try {
    value_from_text(*find_key(path), text);
    return "";
  } catch (const BadValue& error) {
    return error.what();
  }
}

}  // namespace

TEST(ConfigKeys, AreExactlyTheKeysOfRunJson) {
  std::vector<std::string> recorded, known;
  const train::Json json = train::config_to_json({});
  for (const auto& [section, members] : json.items()) {
    for (const auto& [name, value] : members.items())
      recorded.push_back(section + "." + name);
  }
  for (const Key& key : config_keys())
    known.push_back(key.path());
  EXPECT_EQ(known, recorded);
}

TEST(ConfigKeys, ReachTheMemberOfTheirName) {
  for (const Key& key : config_keys()) {
    train::Config config;
    const bool flag = train::config_to_json(config).at(key.section).at(key.name).is_boolean();
    const std::string text = key.choices.empty() ? (flag ? "true" : "1") : key.choices.back();
    const bool fraction = key.bounds.high_excluded;
    assign(key, config, value_from_text(key, fraction ? "0.125" : text));
    const train::Json changed = train::config_to_json(config).at(key.section).at(key.name);
    const std::string seen = changed.is_string() ? changed.get<std::string>() : changed.dump();
    EXPECT_NE(seen.find(fraction ? "0.125" : text), std::string::npos) << key.path() << " = " << seen;
    config = train::Config();
    assign(key, config, value_from_text(key, value_text(key, config)));
    EXPECT_EQ(train::config_to_json(config), train::config_to_json({})) << key.path();
  }
}

TEST(ConfigKeys, HaveDistinctFlagsAndVariables) {
  std::set<std::string> flags, variables;
  for (const Key& key : config_keys()) {
    EXPECT_TRUE(flags.insert(key.flag()).second) << key.flag();
    EXPECT_TRUE(variables.insert(key.environment()).second) << key.environment();
    EXPECT_NE(key.environment(), "PROXPROP_DATA");
    EXPECT_FALSE(key.doc.empty());
  }
}

TEST(ConfigKeys, HaveTheAnnouncedNames) {
  EXPECT_EQ(find_key("method.tau_theta")->flag(), "--tau-theta");
  EXPECT_EQ(find_key("data.name")->flag(), "--data");
  EXPECT_EQ(find_key("data.dir")->flag(), "--data-dir");
  EXPECT_EQ(find_key("train.epochs")->environment(), "PROXPROP_TRAIN_EPOCHS");
  EXPECT_EQ(find_key("train.epoch"), nullptr);
}

TEST(ConfigKeys, DefaultsAreValid) {
  const train::Config config;
  for (const Key& key : config_keys())
    EXPECT_NO_THROW(value_from_text(key, value_text(key, config))) << key.path();
}

TEST(ValueFromText, ReadsListsWithAndWithoutBrackets) {
  const Key& hidden = *find_key("model.hidden");
  const Value expected = std::vector<int64_t>{512, 256};
  for (const char* text : {"512,256", "[512, 256]", " 512 , 256 "})
    EXPECT_EQ(value_from_text(hidden, text), expected);
  EXPECT_EQ(value_from_text(hidden, "[]"), Value(std::vector<int64_t>{}));
  const Value layers = std::vector<std::string>{"conv 16 5 padding=2", "relu"};
  EXPECT_EQ(value_from_text(*find_key("model.layers"), "conv 16 5 padding=2, relu"), layers);
  EXPECT_EQ(value_from_text(*find_key("model.layers"), R"(["conv 16 5 padding=2", "relu"])"), layers);
}

TEST(ValueFromText, SaysWhatTheKeyTakes) {
  EXPECT_EQ(complaint("train.epochs", "many"), "must be an integer, not 'many'");
  EXPECT_EQ(complaint("train.epochs", "1.5"), "must be an integer, not '1.5'");
  EXPECT_EQ(complaint("train.epochs", ""), "must be an integer, not ''");
  EXPECT_EQ(complaint("train.epochs", "99999999999999999999"), "is out of range: '99999999999999999999'");
  EXPECT_EQ(complaint("train.epochs", "-1"), "must be at least 0, not -1");
  EXPECT_EQ(complaint("train.seed", "-1"), "must be a non-negative integer, not '-1'");
  EXPECT_EQ(complaint("method.tau_theta", "0"), "must be above 0, not 0");
  EXPECT_EQ(complaint("method.tau_theta", "nan"), "must be above 0, not nan");
  EXPECT_EQ(complaint("optimizer.momentum", "1"), "must be at least 0 and below 1, not 1");
  EXPECT_EQ(complaint("train.deterministic", "maybe"), "must be true or false, not 'maybe'");
  EXPECT_EQ(complaint("model.hidden", "10,0"), "must be at least 1, not 0");
  EXPECT_EQ(
      complaint("method.name", "exat"),
      "must be one of backprop, exact, cg, amortized, running_gram, released-exact, released-cg, lab, foof, isaac, "
      "kfac, locoprop_s, hessian_free, sfo, mac, admm, not 'exat' (did you mean exact?)");
  EXPECT_EQ(complaint("method.name", "cg5"), "");
  EXPECT_EQ(complaint("method.step_theta", "cg5"), "");
  EXPECT_EQ(complaint("method.step_theta", "lab"), "must be one of explicit, exact, cg, not 'lab'");
  EXPECT_EQ(complaint("method.penalty_rho", "1,0"), "must be above 0, not 0");
}

TEST(SuggestKey, FindsKeysWithoutTheirSection) {
  EXPECT_EQ(suggest_key("epochs"), " (did you mean train.epochs?)");
  EXPECT_EQ(suggest_key("train.epoch"), " (did you mean train.epochs?)");
  EXPECT_EQ(suggest_key("tau-theta"), " (did you mean method.tau_theta?)");
}
