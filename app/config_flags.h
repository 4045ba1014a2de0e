#pragma once

#include "app/config_sources.h"

#include <CLI/CLI.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace proxprop::app {

/// --config, --set and one flag for every key of the configuration that the command has a use for, added to a command.
/// Files and --set may have all keys, so that commands can share a file.
class ConfigFlags {
 public:
  explicit ConfigFlags(
      CLI::App& command, const std::function<bool(const Key&)>& has_use = [](const Key&) { return true; });
  ConfigFlags(const ConfigFlags&) = delete;  // the command holds pointers to the members
  ConfigFlags& operator=(const ConfigFlags&) = delete;

  /// Whether any of the flags was given.
  bool any() const;

  /// Whether the flag of this key was given.
  bool given(const std::string& path) const;

  /// Files, environment, --set and flags, on top of the defaults or of `start`.
  ConfigSources sources(const std::optional<train::Config>& start = std::nullopt) const;

 private:
  std::vector<std::string> files_;
  std::vector<std::string> sets_;
  std::map<const Key*, std::string> texts_;
  std::map<const Key*, CLI::Option*> options_;
};

}  // namespace proxprop::app
