// What counts as holding.

#include "lab/verify/row.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>

namespace proxprop::verify {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Row only(Rows& rows) {
  const std::vector<Row> all = rows.take();
  EXPECT_EQ(all.size(), 1u);
  return all.front();
}

TEST(Rows, VectorsOfEqualLengthAreNotEqual) {
  Rows rows("x");
  rows.equal("case", at::tensor({3.0, 4.0}, at::kDouble), at::tensor({4.0, 3.0}, at::kDouble), 1e-3);
  const Row row = only(rows);
  EXPECT_DOUBLE_EQ(row.lhs, 5);
  EXPECT_DOUBLE_EQ(row.rhs, 5);
  EXPECT_NEAR(row.error, std::sqrt(2.0) / 5, 1e-12);
  EXPECT_FALSE(row.holds);
}

TEST(Rows, InequalitiesAllowForRoundingAndNoMore) {
  Rows rows("x");
  rows.at_most("just", 1 + 1e-13, 1, 1e-12);
  rows.at_most("more", 1 + 1e-11, 1, 1e-12);
  rows.at_least("just", 1 - 1e-13, 1, 1e-12);
  rows.at_least("less", 1 - 1e-11, 1, 1e-12);
  const std::vector<Row> all = rows.take();
  EXPECT_TRUE(all[0].holds);
  EXPECT_FALSE(all[1].holds);
  EXPECT_TRUE(all[2].holds);
  EXPECT_FALSE(all[3].holds);
}

TEST(Rows, StrictInequalitiesDoNotHoldOfEqualSides) {
  Rows rows("x");
  rows.less("case", 1, 1);
  rows.greater("case", 0, 0);
  for (const Row& row : rows.take())
    EXPECT_FALSE(row.holds);
}

TEST(Rows, NothingHoldsOfNaN) {
  Rows rows("x");
  rows.equal("case", at::tensor({nan}, at::kDouble), at::tensor({1.0}, at::kDouble), 1);
  rows.at_most("case", nan, 1, 1);
  rows.at_least("case", 1, nan, 1);
  rows.less("case", nan, 1);
  rows.greater("case", nan, 1);
  for (const Row& row : rows.take())
    EXPECT_FALSE(row.holds);
}

TEST(Rows, NoRowsDoNotHold) {
  EXPECT_FALSE(all_hold({}));
}

}  // namespace
}  // namespace proxprop::verify
