// Mistakes on the command line: one line with a suggestion, exit code 2.

#include "scene.h"

using CommandLine = proxprop::test::Scene;
using proxprop::test::expect_error;
using proxprop::test::Outcome;

TEST_F(CommandLine, UnknownFlagsAreNamedWithASuggestion) {
  expect_error(run({"train", "--epoch", "5"}), 2, "unknown flag --epoch (did you mean --epochs?)");
  expect_error(run({"train", "--batch_size=5"}), 2, "unknown flag --batch_size (did you mean --batch-size?)");
  expect_error(run({"compare", "--method", "exact"}), 2, "compare takes --methods");
  expect_error(run({"--verison"}), 2, "unknown flag --verison (did you mean --version?)");
}

TEST_F(CommandLine, UnknownCommandsAreNamedWithASuggestion) {
  expect_error(run({"trian"}), 2, "unknown command 'trian' (did you mean train?)");
  expect_error(run({"data", "fecth"}), 2, "unknown command 'fecth' (did you mean fetch?)");
  expect_error(run({"train", "extra"}), 2, "unexpected argument 'extra'");
  expect_error(run({}), 2, "a command is needed");
  expect_error(run({"data"}), 2, "data needs one of");
}

TEST_F(CommandLine, UnknownMethodsAreNamedWithASuggestion) {
  expect_error(run({"train", "--method", "exat"}), 2, "(did you mean exact?)");
  expect_error(run({"compare", "--methods", "backprop,exat"}), 2, "unknown method 'exat'");
}

TEST_F(CommandLine, WrongValuesNameTheFlagAndWhatItTakes) {
  expect_error(run({"train", "--epochs", "many"}), 2, "--epochs must be an integer, not 'many'");
  expect_error(run({"train", "--tau-theta=-1"}), 2, "--tau-theta must be above 0, not -1");
  expect_error(run({"train", "--keep=0"}), 2, "--keep must be at least 1, not 0");
  expect_error(run({"train", "--epochs"}), 2, "--epochs");
  expect_error(run({"train", "--set", "train.epoch=1"}), 2, "(did you mean train.epochs?)");
  expect_error(run({"train", "--set", "cg3.train.epochs=1"}), 2, "proxprop compare");
  expect_error(run({"info", "--set", "cg3.train.epochs=1"}), 2, "proxprop compare");
  expect_error(run({"train", "--resume"}), 2, "--resume needs --out");
  expect_error(run({"train", "--resume", "--force", "--out", path("run")}), 2, "--force");
}

TEST_F(CommandLine, EveryCommandHasHelpWithExamples) {
  for (const char* command : {"train", "compare", "report", "info", "data"}) {
    const Outcome help = run({command, "--help"});
    EXPECT_EQ(help.code, 0);
    EXPECT_NE(help.out.find("Examples:"), std::string::npos) << command;
    EXPECT_EQ(help.err, "");
    EXPECT_EQ(run({command, "-h"}).out, help.out);
  }
  EXPECT_NE(run({"--help"}).out.find("Exit codes:"), std::string::npos);
  EXPECT_NE(run({"train", "--help"}).out.find("--tau-theta"), std::string::npos);
}

TEST_F(CommandLine, VersionIsOneLineOnStandardOutput) {
  const Outcome version = run({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_TRUE(version.out.starts_with("proxprop ")) << version.out;
  EXPECT_EQ(version.err, "");
}
