#pragma once

#include "app/commands/command.h"
#include "app/reproduction.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace proxprop::app {

/// `proxprop reproduce`: the paper's figures and tables, from what is missing to the page.
class ReproduceCommand : public Command {
 public:
  explicit ReproduceCommand(CLI::App& root);
  int run(const Session& session) override;

 private:
  std::vector<PlannedExperiment> asked() const;
  int make(const Session& session) const;

  std::vector<std::string> names_;
  std::string data_dir_;
  std::string dataset_;
  std::string device_;
  std::vector<std::string> sets_;
  std::string out_ = "runs/reproduce";
  std::string page_;
  std::string export_;
  std::optional<int64_t> epochs_;
  int64_t seeds_ = 1;
  int jobs_ = 1;
  bool dry_run_ = false;
  bool time_ = false;
  bool no_time_ = false;
  bool report_only_ = false;
};

}  // namespace proxprop::app
