#include "app/comparison_plan.h"

#include "app/exit_codes.h"
#include "tests/train/temporary_folder.h"
#include "train/errors.h"
#include "train/records/config_json.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace proxprop;
using namespace proxprop::app;

TEST(ComparisonPlan, GivesEachMethodItsDefaults) {
  const auto methods = plan_comparison({}, {"backprop", "exact", "cg3"});
  ASSERT_EQ(methods.size(), 3U);
  EXPECT_EQ(methods[0].config.optimizer.lr, 0.05);
  EXPECT_EQ(methods[1].config.optimizer.lr, 1.0);
  EXPECT_EQ(methods[2].config.method.name, "cg");
  EXPECT_EQ(methods[2].config.method.cg_iterations, 3);
}

TEST(ComparisonPlan, RefusesMethodsThatWouldNotStartAlike) {
  for (const char* setting :
       {"exact.train.seed=1", "exact.model.hidden=3", "exact.data.train_size=9", "exact.train.batch_size=7",
        "exact.train.dtype=float64"}) {
    ConfigSources sources;
    sources.add_set(setting);
    EXPECT_THROW(plan_comparison(sources, {"backprop", "exact"}), train::ConfigError) << setting;
    EXPECT_NO_THROW(plan_comparison(sources, {"exact"})) << setting;
  }
}

TEST(ComparisonPlan, ALabelIsAMethodOrSaysOne) {
  EXPECT_THROW(plan_comparison({}, {"exakt"}), UsageError);
  EXPECT_THROW(plan_comparison({}, {"exact", "exact"}), UsageError);
  EXPECT_THROW(plan_comparison({}, {"../exact"}), UsageError);
  EXPECT_THROW(plan_comparison({}, {""}), UsageError);
  ConfigSources sources;
  sources.add_set("adam.method.name=backprop");
  sources.add_set("adam.optimizer.name=adam");
  const auto methods = plan_comparison(sources, {"exact", "adam"});
  EXPECT_EQ(methods[1].config.optimizer.lr, 1e-3);
}

TEST(ComparisonPlan, ALabKeyForAllMethodsIsAMistakeThatNamesWhatToDo) {
  ConfigSources for_all;
  for_all.add_set("method.step_z=implicit");
  EXPECT_NO_THROW(plan_comparison(for_all, {"lab"}));
  try {
    plan_comparison(for_all, {"backprop", "lab"});
    FAIL() << "not refused";
  } catch (const train::ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("--set lab.method.step_z=implicit"), std::string::npos) << error.what();
  }
  ConfigSources for_lab;
  for_lab.add_set("lab.method.step_z=implicit");
  EXPECT_EQ(plan_comparison(for_lab, {"backprop", "lab"})[1].config.method.step_z, "implicit");
}

TEST(ComparisonPlan, SettingsForWhatIsNotComparedAreMistakes) {
  ConfigSources command_line;
  command_line.add_set("exakt.optimizer.lr=1");
  EXPECT_THROW(plan_comparison(command_line, {"exact"}), UsageError);
  ConfigSources typo;
  typo.add_toml("[compare.exakt.optimizer]\nlr = 1", "a.toml");
  EXPECT_THROW(plan_comparison(typo, {"exact"}), train::ConfigError);
  ConfigSources left_out;
  left_out.add_toml("[compare.cg10.optimizer]\nlr = 1", "a.toml");
  EXPECT_NO_THROW(plan_comparison(left_out, {"exact"}));
}

TEST(ComparisonPlan, IsReadAsItWasWritten) {
  const train::TemporaryFolder folder;
  const auto written = plan_comparison({}, {"cg7", "backprop"});
  write_comparison(folder.path(), written);
  const auto read = read_comparison(folder.path());
  ASSERT_EQ(read.size(), written.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].label, written[i].label);
    EXPECT_EQ(train::config_to_json(read[i].config), train::config_to_json(written[i].config));
  }
}
