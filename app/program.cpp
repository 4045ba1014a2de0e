#include "app/program.h"

#include "app/commands/bench.h"
#include "app/commands/compare.h"
#include "app/commands/data.h"
#include "app/commands/hessian.h"
#include "app/commands/info.h"
#include "app/commands/report.h"
#include "app/commands/reproduce.h"
#include "app/commands/scaling.h"
#include "app/commands/train.h"
#include "app/commands/verify.h"
#include "app/errors.h"
#include "app/exit_codes.h"
#include "app/suggest.h"
#include "app/system_info.h"

#include <array>
#include <iostream>

namespace proxprop::app {
namespace {

constexpr const char* footer = R"(
Exit codes: 0 done, 1 failure (disk, memory), 2 wrong command line, 3 wrong configuration, data or run
folder, 4 a check failed, 5 training diverged, 6 no such device here, 130 interrupted and saved.
Results go to standard output, progress and notes to standard error. NO_COLOR switches colours off.

Examples:
  proxprop train --hidden 512,256 --epochs 5
  proxprop compare --methods backprop,exact,cg3 --out runs/first
  proxprop COMMAND --help)";

/// A word that no option or command takes: the message names it and what may have been meant.
[[noreturn]] void reject_word(const CLI::App& app, const std::string& word) {
  const std::string flag = word.substr(0, word.find('='));
  std::vector<std::string> known;
  if (flag.starts_with("-")) {
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames())
        known.push_back("--" + name);
    }
    throw UsageError("unknown flag " + flag + did_you_mean(flag, known));
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    known.push_back(command->get_name());
  }
  if (known.empty())
    throw UsageError("unexpected argument '" + word + "'");
  throw UsageError("unknown command '" + word + "'" + did_you_mean(word, known) + "; there are " + join(known));
}

void reject_unknown_words(const CLI::App& app) {
  for (const CLI::App* command : app.get_subcommands())
    reject_unknown_words(*command);
  // The value of an unknown flag is left over too; the flag is what to name.
  const std::vector<std::string> words = app.remaining();
  for (const std::string& word : words) {
    if (word.starts_with("-"))
      reject_word(app, word);
  }
  if (!words.empty())
    reject_word(app, words.front());
}

void add_session_flags(CLI::App& app, Session& session) {
  auto* quiet = app.add_flag("-q,--quiet", session.quiet, "no progress and no notes on standard error");
  app.add_flag("-v,--verbose", session.verbose, "more notes on standard error")->excludes(quiet);
  app.get_formatter()->column_width(34);
  app.allow_extras();
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; }))
    add_session_flags(*command, session);
}

int run(int argc, char** argv, const Ranks& ranks) {
  CLI::App root(
      "Trains neural networks by proximal backpropagation, and by plain backpropagation for comparison.", "proxprop");
  root.footer(footer);
  root.require_subcommand(0, 1);  // a command's argument may be called as another command: `reproduce hessian`
  root.set_version_flag("--version", "proxprop " + program_version());
  TrainCommand train(root);
  CompareCommand compare(root);
  ReportCommand report(root);
  InfoCommand info(root);
  DataCommand data(root);
  BenchCommand bench(root);
  VerifyCommand verify(root);
  HessianCommand hessian(root);
  ReproduceCommand reproduce(root);
  ScalingCommand scaling(root);
  const std::array<Command*, 10> commands = {&train, &compare, &report,  &info,      &data,
                                             &bench, &verify,  &hessian, &reproduce, &scaling};
  Session session;
  session.command_line.assign(argv, argv + argc);
  session.communicator = ranks.communicator;
  session.local_rank = ranks.local_rank;
  add_session_flags(root, session);

  try {
    root.parse(argc, argv);
  } catch (const CLI::Success& asked_for) {  // --help, --version
    return root.exit(asked_for, std::cout, std::cerr);
  } catch (const CLI::ParseError& error) {
    reject_unknown_words(root);
    throw UsageError(error.what());
  }
  reject_unknown_words(root);
  for (Command* command : commands) {
    if (!command->app->parsed())
      continue;
    if (!session.alone() && command != &train)
      throw UsageError("only `train` runs on several ranks; start " + command->app->get_name() + " without torchrun");
    return command->run(session);
  }
  throw UsageError(
      "a command is needed: train, compare, report, info, data, bench, verify, hessian or reproduce; see proxprop "
      "--help");
}

}  // namespace

int run_program(int argc, char** argv, const Ranks& ranks) {
  int code = exit_ok;
  try {
    code = run(argc, argv, ranks);
  } catch (...) {
    code = report_current_exception();
  }
  std::cout.flush();
  if (!std::cout && code == exit_ok) {
    std::cerr << "proxprop: error: cannot write to standard output\n";
    code = exit_failure;
  }
  return code;
}

}  // namespace proxprop::app
