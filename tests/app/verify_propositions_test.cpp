#include "app/commands/verify.h"
#include "app/exit_codes.h"

#include <gtest/gtest.h>

using namespace proxprop;
using namespace proxprop::app;

namespace {

verify::Proposition two_is_less_than(double rhs) {
  return {"4", "two is less", [rhs](const verify::Problem&) {
            verify::Rows rows("4");
            rows.less("two and more", 2, 3);
            rows.less("two and the other", 2, rhs);
            return rows.take();
          }};
}

struct Printed {
  int code;
  std::string out, err;
};

Printed printed(const std::vector<verify::Proposition>& propositions, bool json) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = verify_propositions(propositions, {}, json, {});
  return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

TEST(VerifyPropositions, ARowThatDoesNotHoldIsNamedCountedAndGivesExitCode4) {
  for (const bool json : {false, true}) {
    const Printed result = printed({two_is_less_than(5), two_is_less_than(1)}, json);
    EXPECT_EQ(result.code, exit_verification_failed);
    EXPECT_EQ(result.err, "proxprop: error: does not hold: 4, two and the other\n");
    if (!json) {
      EXPECT_TRUE(result.out.ends_with("\n3 of 4 hold\n")) << result.out;
    }
  }
}

TEST(VerifyPropositions, IsDoneWhereAllHold) {
  const Printed result = printed({two_is_less_than(5)}, false);
  EXPECT_EQ(result.code, exit_ok);
  EXPECT_EQ(result.err, "");
  EXPECT_TRUE(result.out.ends_with("\n2 of 2 hold\n")) << result.out;
}

TEST(VerifyPropositions, ACheckThatHasNoRowsDoesNotHold) {
  const verify::Proposition empty{"1", "nothing", [](const verify::Problem&) { return std::vector<verify::Row>(); }};
  EXPECT_EQ(printed({empty}, false).code, exit_verification_failed);
}

}  // namespace
