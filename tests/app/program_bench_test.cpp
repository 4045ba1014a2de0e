// `proxprop bench` writes its record and compares with others.

#include "scene.h"

#include <nlohmann/json.hpp>

using namespace proxprop::test;

class Bench : public Scene {
 protected:
  Outcome quick(std::vector<std::string> more) {
    more.insert(more.begin(), {"bench", "-q", "--suite=layers", "--filter=linear S=32", "--rounds=3", "--seconds=2"});
    return run(more);
  }
};

TEST_F(Bench, RecordsEveryRow) {
  const Outcome outcome = quick({"--json=-"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto record = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(record.at("schema_version"), 1);
  EXPECT_GE(record.at("threads").get<int>(), 1);
  bool exact = false;
  for (const auto& row : record.at("rows")) {
    for (const char* key : {"suite", "case", "method", "route", "peak_bytes"})
      EXPECT_TRUE(row.contains(key)) << key;
    EXPECT_GT(row.at("ms_median").get<double>(), 0);
    EXPECT_LE(row.at("ratio_q1").get<double>(), row.at("ratio_median").get<double>());
    EXPECT_LE(row.at("ratio_median").get<double>(), row.at("ratio_q3").get<double>());
    if (row.at("method") == "exact") {
      exact = true;
      EXPECT_LT(row.at("residual").get<double>(), 1e-2);
    }
  }
  EXPECT_TRUE(exact);
}

TEST_F(Bench, AWorseRatioThanTheRecordsIsExitCode4) {
  ASSERT_EQ(quick({"--json", path("record.json")}).code, 0);
  EXPECT_EQ(quick({"--against", path("record.json"), "--tolerance=1000"}).code, 0);
  auto record = nlohmann::json::parse(read_file(path("record.json")));
  for (auto& row : record.at("rows"))
    row["ratio_median"] = 1e-3;
  write("better.json", record.dump());
  const Outcome outcome = quick({"--against", path("better.json")});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_NE(outcome.err.find("slower than the record: layers / linear S=32"), std::string::npos) << outcome.err;
}

TEST_F(Bench, UnknownSuitesAndBrokenRecordsAreNamed) {
  expect_error(run({"bench", "--suite=nosuch"}), 2, "nosuch");
  write("broken.json", "{");
  expect_error(quick({"--against", path("broken.json")}), 3, "broken.json");
}
