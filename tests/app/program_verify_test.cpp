// `proxprop verify` prints both sides, and tells by its exit code.

#include "scene.h"

#include <nlohmann/json.hpp>

using namespace proxprop::test;

class Verify : public Scene {};

TEST_F(Verify, EveryRowHasBothSides) {
  const Outcome outcome = run({"verify", "--proposition=2,stability", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto rows = nlohmann::json::parse(outcome.out);
  bool second = false, stability = false;
  for (const auto& row : rows) {
    second = second || row.at("proposition") == "2";
    stability = stability || row.at("proposition") == "stability";
    for (const char* key : {"case", "relation"})
      EXPECT_TRUE(row.at(key).is_string()) << row;
    for (const char* key : {"lhs", "rhs", "error", "tolerance"})
      EXPECT_TRUE(row.at(key).is_number()) << row;
    EXPECT_TRUE(row.at("holds").get<bool>()) << row;
  }
  EXPECT_TRUE(second);
  EXPECT_TRUE(stability);
}

TEST_F(Verify, TheTableNamesThePropositionAndItsCases) {
  const Outcome outcome = run({"verify", "--proposition=stability", "--seed=3"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("left side"), std::string::npos);
  EXPECT_NE(outcome.out.find("mlp tanh, trained, layer 1 (linear), step size 1e+06"), std::string::npos) << outcome.out;
  const std::string total = outcome.out.substr(outcome.out.rfind('\n', outcome.out.size() - 2) + 1);
  EXPECT_NE(outcome.out.find("(" + total.substr(0, total.size() - 1) + ")"), std::string::npos) << total;
}

TEST_F(Verify, ASeedIsWhatTrainTakes) {
  for (const char* seed : {"--seed=-1", "--seed=18446744073709551616", "--seed=x"})
    expect_error(run({"verify", "--proposition=stability", seed}), 2, "--seed");
}

TEST_F(Verify, AnUnknownPropositionIsNamed) {
  expect_error(run({"verify", "--proposition=6"}), 2, "6");
}
