#include "app/config_sources.h"

#include "app/exit_codes.h"
#include "app/method_label.h"
#include "app/suggest.h"
#include "train/errors.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <unistd.h>

namespace proxprop::app {
namespace {

using train::ConfigError;

const Key* find_by_environment(std::string_view name) {
  const auto& keys = config_keys();
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.environment() == name; });
  return found == keys.end() ? nullptr : &*found;
}

/// Whether a variable's name is PROXPROP_<one of our sections>_something.
bool names_a_section(std::string_view variable) {
  const auto& keys = config_keys();
  return std::any_of(keys.begin(), keys.end(), [&](const Key& key) {
    const std::string whole = key.environment();
    return variable.starts_with(whole.substr(0, whole.size() - key.name.size()));
  });
}

std::string suggest_environment(std::string_view name) {
  std::vector<std::string> names;
  for (const Key& key : config_keys())
    names.push_back(key.environment());
  return did_you_mean(name, names);
}

bool has_convolution(const train::ModelConfig& model) {
  if (model.layers.empty())
    return model.name == "convnet";
  return std::any_of(
      model.layers.begin(), model.layers.end(), [](const std::string& layer) { return layer.starts_with("conv"); });
}

/// The member in which "cgN" may stand: the method's own solver, or that of the lab's theta step. Else nullptr.
std::string* solver_name(const Key& key, train::MethodConfig& method) {
  if (key.path() == "method.name")
    return &method.name;
  return key.path() == "method.step_theta" ? &method.step_theta : nullptr;
}

train::MethodConfig with_label(train::MethodConfig method, const MethodLabel& label) {
  method.name = label.name;
  method.cg_iterations = label.cg_iterations.value_or(method.cg_iterations);
  return method;
}

/// Two settings of one source that say the number of iterations: `numbered` as cgN.
void check_agreement(const Setting* numbered, const Setting* iterations) {
  if (numbered == nullptr || iterations == nullptr || numbered->source != iterations->source)
    return;
  const std::string& name = std::get<std::string>(numbered->value);
  const int64_t number = std::get<int64_t>(iterations->value);
  if (parse_method_label(name)->cg_iterations == number)
    return;
  throw ConfigError(
      "method " + name + " contradicts method.cg_iterations = " + std::to_string(number) + " (" + numbered->origin +
      ", " + iterations->origin + "); give one of them");
}

}  // namespace

void ConfigSources::add_environment(const std::vector<std::string>& variables) {
  for (const std::string& variable : variables) {
    const std::size_t equals = variable.find('=');
    if (equals == std::string::npos || equals + 1 == variable.size())
      continue;
    const std::string name = variable.substr(0, equals);
    if (!names_a_section(name))
      continue;
    const Key* key = find_by_environment(name);
    if (key == nullptr)
      throw ConfigError("unknown environment variable " + name + suggest_environment(name));
    try {
      settings_.push_back({key, Source::environment, "", name, value_from_text(*key, variable.substr(equals + 1))});
    } catch (const BadValue& error) {
      throw ConfigError("environment variable " + name + " " + error.what());
    }
  }
}

void ConfigSources::add_environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  add_environment(variables);
}

void ConfigSources::add_set(std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) {
    throw UsageError("--set needs key=value, e.g. --set train.epochs=3, not '" + std::string(assignment) + "'");
  }
  const std::string_view path = assignment.substr(0, equals);
  const std::size_t dot = std::min(path.find('.'), path.size());
  std::string scope;
  const Key* key = find_key(path);
  if (key == nullptr && dot < path.size() && std::count(path.begin(), path.end(), '.') == 2) {
    scope = path.substr(0, dot);
    key = find_key(path.substr(dot + 1));
    if (key == nullptr) {
      throw UsageError("--set: unknown key '" + std::string(path) + "'" + suggest_key(path.substr(dot + 1)));
    }
  }
  if (key == nullptr)
    throw UsageError("--set: unknown key '" + std::string(path) + "'" + suggest_key(path));
  try {
    settings_.push_back(
        {key, scope.empty() ? Source::set : Source::scoped_set, scope, "--set " + std::string(path),
         value_from_text(*key, assignment.substr(equals + 1))});
  } catch (const BadValue& error) {
    throw UsageError("--set: " + key->path() + " " + error.what());
  }
}

void ConfigSources::add_flag(const Key& key, std::string_view text) {
  try {
    settings_.push_back({&key, Source::flag, "", key.flag(), value_from_text(key, text)});
  } catch (const BadValue& error) {
    throw UsageError(key.flag() + " " + error.what());
  }
}

void ConfigSources::start_from(const train::Config& config) {
  base_ = config;
  base_is_given_ = true;
}

std::vector<std::pair<std::string, std::string>> ConfigSources::scopes() const {
  std::vector<std::pair<std::string, std::string>> result;
  for (const Setting& setting : settings_) {
    const auto same = [&](const auto& known) { return known.first == setting.scope; };
    if (!setting.scope.empty() && std::none_of(result.begin(), result.end(), same)) {
      result.emplace_back(setting.scope, setting.origin);
    }
  }
  return result;
}

bool ConfigSources::names_method(const std::string& scope) const {
  return std::any_of(settings_.begin(), settings_.end(), [&](const Setting& setting) {
    return setting.scope == scope && setting.key->path() == "method.name";
  });
}

ResolvedConfig ConfigSources::resolve(const std::string& scope) const {
  std::vector<const Setting*> ordered;
  for (const Setting& setting : settings_) {
    if (setting.scope.empty() || setting.scope == scope)
      ordered.push_back(&setting);
  }
  std::stable_sort(ordered.begin(), ordered.end(), [](const Setting* left, const Setting* right) {
    return left->source < right->source;
  });

  ResolvedConfig resolved{base_, {}};
  if (base_is_given_) {
    for (const Key& key : config_keys())
      resolved.given.insert(key.path());
  }
  // The label of a compared method says the method, unless a setting for just this label does.
  const std::optional<MethodLabel> label = parse_method_label(scope);
  const Setting* numbered = nullptr;    // the last that says cgN
  const Setting* iterations = nullptr;  // the last that says method.cg_iterations
  for (const Setting* setting : ordered) {
    const std::string path = setting->key->path();
    if (label && setting->scope.empty() && path == "method.name")
      continue;
    assign(*setting->key, resolved.config, setting->value);
    resolved.given.insert(path);
    if (std::string* solver = solver_name(*setting->key, resolved.config.method)) {
      const std::optional<MethodLabel> said = parse_method_label(*solver);
      if (said && said->cg_iterations) {
        // "cgN" says both keys, with the right of the source that it stands in.
        *solver = said->name;
        resolved.config.method.cg_iterations = *said->cg_iterations;
        resolved.given.insert("method.cg_iterations");
        numbered = setting;
      } else if (numbered != nullptr && numbered->key == setting->key) {
        numbered = nullptr;
      }
    }
    if (path == "method.cg_iterations")
      iterations = setting;
  }
  check_agreement(numbered, iterations);
  if (label) {
    resolved.config.method = with_label(resolved.config.method, *label);
    resolved.given.insert("method.name");
  }
  apply_dependent_defaults(resolved);
  return resolved;
}

void refuse_scoped_sets(const ConfigSources& sources) {
  for (const auto& [scope, origin] : sources.scopes()) {
    if (origin.starts_with("--set"))
      throw UsageError(origin + ": '" + scope + ".' is for `proxprop compare`");
  }
}

void apply_dependent_defaults(ResolvedConfig& resolved) {
  auto& [config, given] = resolved;
  const auto is_given = [&given = given](const char* path) { return given.contains(path); };
  constexpr std::array lab_keys = {"method.step_z",     "method.step_a",      "method.step_last",
                                   "method.step_theta", "method.penalty_rho", "method.penalty_gamma"};
  const bool asks_for_lab = std::any_of(lab_keys.begin(), lab_keys.end(), is_given) || config.train.record_energies > 0;
  if (!given.contains("method.name") && asks_for_lab)
    config.method.name = "lab";
  if (!given.contains("optimizer.lr")) {
    const std::string& optimizer = config.optimizer.name;
    const bool adaptive = optimizer == "adam" || optimizer == "adamw" || optimizer == "rmsprop";
    const std::string& method = config.method.name;
    const bool is_explicit = method == "backprop" || (method == "lab" && config.method.step_theta == "explicit");
    // Not the proximal step's, which a learning rate of 1 belongs to.
    const bool other_scale = method == "foof" || method == "isaac" || method == "kfac";
    const bool plain = (is_explicit || other_scale) && optimizer != "lbfgs" && optimizer != "entropy_sgd";
    config.optimizer.lr = adaptive                 ? 1e-3
                          : optimizer == "adagrad" ? 0.01
                          : optimizer == "muon"    ? 0.02
                          : plain                  ? 0.05
                                                   : 1.0;
  }
  if (config.optimizer.name == "muon") {  // of AdamW, beside Muon
    if (!given.contains("optimizer.beta2"))
      config.optimizer.beta2 = 0.95;
    if (!given.contains("optimizer.eps"))
      config.optimizer.eps = 1e-10;
  }
  if (!given.contains("method.tau_theta"))
    config.method.tau_theta = has_convolution(config.model) ? 1.0 : 0.05;
}

}  // namespace proxprop::app
