#pragma once
// From files, environment variables and flags to the configuration of a run.

#include "app/config_keys.h"

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace proxprop::app {

/// Where a setting comes from; of two settings of one key, the later source in this list wins. `scoped_...` are
/// settings for one method of `compare` ([compare.cg3.optimizer], --set cg3.optimizer.lr=1). A scoped --set is the most
/// particular thing that can be said, and wins over flags that speak of all methods.
enum class Source { file, scoped_file, environment, set, flag, scoped_set };

struct Setting {
  const Key* key = nullptr;
  Source source = Source::file;
  std::string scope;   ///< label of the method it is for; empty: all
  std::string origin;  ///< for messages: "demo.toml:3:8", "PROXPROP_TRAIN_EPOCHS", "--epochs"
  Value value;
};

/// A configuration, and which of its keys somebody has given (the others have their defaults).
struct ResolvedConfig {
  train::Config config;
  std::set<std::string> given;  ///< paths
};

/// Collects settings from all sources, then merges them. What is wrong on the command line throws UsageError; what is
/// wrong in a file or in the environment throws train::ConfigError.
class ConfigSources {
 public:
  /// A TOML file: [train] epochs = 3, [compare] methods = ["exact"], [compare.exact.optimizer] lr = 1. A table
  /// [experiment] is passed over: that is what `proxprop reproduce` reads besides (app/experiment_toml.h).
  void add_file(const std::filesystem::path& path);
  void add_toml(std::string_view text, const std::string& origin);

  /// "NAME=value" as in environ; takes PROXPROP_<SECTION>_<KEY>. PROXPROP_DATA is no key. An empty value counts as
  /// unset.
  void add_environment(const std::vector<std::string>& variables);
  void add_environment();

  /// The argument of --set: "optimizer.lr=0.1" or "cg3.optimizer.lr=0.1".
  void add_set(std::string_view assignment);

  void add_flag(const Key& key, std::string_view text);

  /// Starts from this configuration in place of the defaults, as if every key had been given.
  void start_from(const train::Config& config);

  /// The methods of [compare] methods; empty when no file has them.
  const std::vector<std::string>& methods() const { return methods_; }

  /// Labels that some setting is for, each with the origin of one of its settings.
  std::vector<std::pair<std::string, std::string>> scopes() const;

  /// Whether some setting for this label says the method: [compare.my-adam.method] name = "backprop".
  bool names_method(const std::string& scope) const;

  /// The configuration of a run, or of one method of `compare`: all sources merged, then the defaults that hang
  /// together. A method "cgN" counts as both keys, method.name = cg and method.cg_iterations = N, and so does
  /// method.step_theta = cgN; ConfigError where one source says two numbers.
  ResolvedConfig resolve(const std::string& scope = "") const;

 private:
  std::vector<Setting> settings_;
  std::vector<std::string> methods_;
  train::Config base_;
  bool base_is_given_ = false;
};

/// For commands that have one configuration: throws UsageError for a --set that is for one method of `compare`.
void refuse_scoped_sets(const ConfigSources& sources);

/// Defaults that depend on other keys, for keys that nobody has given:
/// - method.name: lab where some key of the lab's step rules or penalties is given, or energies are to be recorded;
/// - optimizer.lr: adam, adamw, rmsprop 0.001; lbfgs 1; the others 1 with proximal steps of the parameters and 0.05
///   with explicit ones (backprop);
/// - method.tau_theta: 1 for models with convolutions (the paper's convnet), else 0.05 (its MLP).
void apply_dependent_defaults(ResolvedConfig& resolved);

}  // namespace proxprop::app
