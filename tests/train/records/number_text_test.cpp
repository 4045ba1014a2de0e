#include "train/records/number_text.h"

#include <gtest/gtest.h>

#include <cmath>

namespace proxprop::train {
namespace {

TEST(NumberText, SignificantDigitsKeepTheirNumber) {
  EXPECT_EQ(significant_text(0.00123456, 4), "0.001235");
  EXPECT_EQ(significant_text(0.123456, 4), "0.1235");
  EXPECT_EQ(significant_text(2.302585, 4), "2.303");
  EXPECT_EQ(significant_text(1234.56, 4), "1235");
  EXPECT_EQ(significant_text(1e-7, 3), "1.00e-07");
  EXPECT_EQ(significant_text(0, 3), "0.00");
  EXPECT_EQ(significant_text(INFINITY, 3), "inf");
}

TEST(NumberText, UnknownIsADash) {
  EXPECT_EQ(significant_text(NAN, 3), "-");
  EXPECT_EQ(fixed_text(NAN, 3), "-");
  EXPECT_EQ(percent_text(NAN), "-");
  EXPECT_EQ(duration_text(NAN), "-");
}

TEST(NumberText, DurationsReadLikeClocks) {
  EXPECT_EQ(duration_text(4.21), "4.2 s");
  EXPECT_EQ(duration_text(59.96), "1:00");
  EXPECT_EQ(duration_text(83), "1:23");
  EXPECT_EQ(duration_text(3700), "1:01:40");
}

TEST(NumberText, ThousandsAreGrouped) {
  EXPECT_EQ(grouped_text(0), "0");
  EXPECT_EQ(grouped_text(999), "999");
  EXPECT_EQ(grouped_text(1000), "1,000");
  EXPECT_EQ(grouped_text(-123456), "-123,456");
  EXPECT_EQ(grouped_text(20334010), "20,334,010");
}

}  // namespace
}  // namespace proxprop::train
