// Paired measurements, with contenders whose times and memory are known.

#include "benchmarks/measure.h"
#include "benchmarks/suites/suites.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <chrono>

namespace proxprop::benchmarks {
namespace {

Contender spinning(const std::string& method, int milliseconds) {
  return {method, false, [milliseconds] {
            Running running;
            running.route = "none";
            running.step = [milliseconds] {
              const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
              while (std::chrono::steady_clock::now() < end) {
              }
            };
            return running;
          }};
}

Settings quick() {
  Settings settings;
  settings.rounds = 7;
  settings.warmup = 1;
  settings.memory = false;
  return settings;
}

TEST(Quartiles, OfKnownValues) {
  const auto odd = quartiles({5, 1, 4, 2, 3});
  EXPECT_EQ(odd.q1, 2);
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.q3, 4);
  const auto even = quartiles({4, 1, 3, 2});
  EXPECT_EQ(even.q1, 1.75);
  EXPECT_EQ(even.median, 2.5);
  EXPECT_EQ(even.q3, 3.25);
  EXPECT_EQ(quartiles({}).median, 0);
}

TEST(Measure, RatiosAreThoseOfTheSteps) {
  std::vector<Row> rows;
  measure("suite", "case", {spinning("base", 4), spinning("twice", 8)}, quick(), rows);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].ratio_median, 1);
  EXPECT_NEAR(rows[1].ratio_median, 2, 0.5);
  EXPECT_LE(rows[1].ratio_q1, rows[1].ratio_median);
  EXPECT_GE(rows[1].ratio_q3, rows[1].ratio_median);
  EXPECT_EQ(rows[1].method, "twice");
}

TEST(Measure, LeavesOutTheHopeless) {
  std::vector<Row> rows;
  measure("suite", "case", {spinning("base", 1), spinning("hopeless", 500), spinning("fine", 2)}, quick(), rows);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].method, "fine");
}

TEST(Measure, FilterChoosesCases) {
  auto settings = quick();
  settings.filter = "other";
  std::vector<Row> rows;
  measure("suite", "case", {spinning("base", 1)}, settings, rows);
  EXPECT_TRUE(rows.empty());
}

TEST(Measure, PeakIsWhatModelAndStepHoldAtOnce) {
  constexpr int64_t megabyte = 1 << 20;
  const Contender holder{"holder", false, [] {
                           Running running;
                           const auto model = at::empty({2 * megabyte}, at::kByte);
                           running.step = [model] {
                             const auto first = at::empty({3 * megabyte}, at::kByte);
                             const auto second = at::empty({4 * megabyte}, at::kByte);
                           };
                           return running;
                         }};
  auto settings = quick();
  settings.memory = true;
  std::vector<Row> rows;
  measure("suite", "case", {holder}, settings, rows);
  EXPECT_EQ(rows.front().peak_bytes, 9 * megabyte);
}

TEST(Planner, MissesAreNamed) {
  const auto row = [](std::string method, std::string route, double ratio, bool planned) {
    Row r{"layers", "case", std::move(method), std::move(route)};
    r.ratio_median = ratio;
    r.planned = planned;
    return r;
  };
  const std::vector<Row> good{
      row("exact", "a", 1.05, true), row("exact", "a", 1.0, false), row("exact", "b", 2, false)};
  EXPECT_TRUE(planner_misses(good, 1.1).empty());
  const std::vector<Row> bad{row("exact", "a", 1.5, true), row("exact", "b", 1.2, false), row("cg3", "b", 1, true)};
  const auto misses = planner_misses(bad, 1.1);
  ASSERT_EQ(misses.size(), 1u);
  EXPECT_NE(misses.front().find("planned a"), std::string::npos) << misses.front();
}

}  // namespace
}  // namespace proxprop::benchmarks
