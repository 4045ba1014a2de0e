#include "app/method_label.h"

#include <gtest/gtest.h>

using namespace proxprop::app;

TEST(MethodLabel, CgWithANumberSaysTheIterations) {
  const auto label = parse_method_label("cg10");
  ASSERT_TRUE(label);
  EXPECT_EQ(label->name, "cg");
  EXPECT_EQ(label->cg_iterations, 10);
}

TEST(MethodLabel, OfTheReleasedArithmeticIsReadAndWritten) {
  const auto label = parse_method_label("released-cg3");
  ASSERT_TRUE(label);
  EXPECT_EQ(label->name, "released-cg");
  EXPECT_EQ(label->cg_iterations, 3);
  EXPECT_TRUE(parse_method_label("released-exact"));
  proxprop::train::MethodConfig method;
  method.name = "released-cg";
  EXPECT_EQ(method_label(method), "released-cg3");
}

TEST(MethodLabel, AllElseIsNoMethod) {
  for (const char* text :
       {"", "cg0", "cg-1", "cg3x", "cgx", "CG3", "exact3", "cg99999999999999999999", "released-", "released-exact3"}) {
    EXPECT_FALSE(parse_method_label(text)) << text;
  }
}

TEST(MethodLabel, IsTheInverseOfItsText) {
  proxprop::train::MethodConfig method;
  method.name = "cg";
  method.cg_iterations = 7;
  EXPECT_EQ(method_label(method), "cg7");
  method.name = "backprop";
  EXPECT_EQ(method_label(method), "backprop");
}

TEST(MethodLabel, OfTheLabNamesTheRulesThatAlgorithm2DoesNotHave) {
  proxprop::train::MethodConfig method;
  method.name = "lab";
  EXPECT_EQ(method_label(method), "lab");
  method.step_z = "implicit";
  method.step_theta = "cg";
  EXPECT_EQ(method_label(method), "lab-z-implicit-theta-cg3");
  method.penalty_rho = {0.5, 2};
  EXPECT_EQ(method_label(method), "lab-z-implicit-theta-cg3-rho-0.5_2");
}
