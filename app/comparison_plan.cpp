#include "app/comparison_plan.h"

#include "app/exit_codes.h"
#include "app/method_label.h"
#include "app/suggest.h"
#include "train/errors.h"
#include "train/records/atomic_file.h"
#include "train/records/config_json.h"
#include "train/records/posix_file.h"
#include "train/records/record_error.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <set>

namespace proxprop::app {
namespace {

namespace fs = std::filesystem;
using train::Json;

/// The label becomes a folder's name.
bool is_folder_name(const std::string& label) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '+' || c == '='; };
  return !label.empty() && label.front() != '-' && std::all_of(label.begin(), label.end(), allowed);
}

void check_label(const std::string& label, bool names_method) {
  if (!is_folder_name(label))
    throw UsageError("'" + label + "' cannot be the name of a method");
  if (parse_method_label(label) || names_method)
    return;
  throw UsageError(
      "unknown method '" + label +
      "': choose from backprop, exact, cgN (N conjugate gradient iterations), lab, foof, isaac, kfac, locoprop_s, "
      "hessian_free, sfo, mac, admm" +
      did_you_mean(
          label, {"backprop", "exact", "cg", "cg3", "amortized", "running_gram", "lab", "foof", "isaac", "kfac",
                  "locoprop_s", "hessian_free", "sfo", "mac", "admm"}));
}

/// Whether all methods of a comparison must agree on the key: it decides initial parameters, data or batches.
bool is_common(const Key& key) {
  return key.section == "data" || key.section == "model" || key.path() == "train.seed" || key.path() == "train.dtype" ||
         key.path() == "train.batch_size";
}

/// The keys of the lab's step rules and penalties are for one method of a comparison, and belong to its label.
void check_lab_keys(const ComparedMethod& method) {
  if (method.config.method.name == "lab")
    return;
  for (const Key& key : config_keys()) {
    const bool of_the_lab =
        key.path() == "train.record_energies" ||
        (key.section == "method" && (key.name.starts_with("step_") || key.name.starts_with("penalty_")));
    const std::string value = value_text(key, method.config);
    if (!of_the_lab || value == value_text(key, train::Config{}))
      continue;
    throw train::ConfigError(
        key.path() + " belongs to the method lab, and " + method.label + " is " + method.config.method.name +
        "; set it for lab alone: --set lab." + key.path() + "=" + value);
  }
}

void check_common(const std::vector<ComparedMethod>& methods) {
  for (const Key& key : config_keys()) {
    if (!is_common(key))
      continue;
    for (const ComparedMethod& method : methods) {
      if (value_text(key, method.config) == value_text(key, methods.front().config))
        continue;
      throw train::ConfigError(
          key.path() + " differs between " + methods.front().label + " and " + method.label +
          ": compared methods start from the same parameters and see the same batches");
    }
  }
}

}  // namespace

void check_scopes(const ConfigSources& sources, const std::vector<std::string>& labels) {
  for (const auto& [scope, origin] : sources.scopes()) {
    const bool compared = std::find(labels.begin(), labels.end(), scope) != labels.end();
    if (origin.starts_with("--set") && !compared) {
      throw UsageError(origin + ": '" + scope + "' is not compared" + did_you_mean(scope, labels));
    }
    if (!compared && !parse_method_label(scope) && !sources.names_method(scope)) {
      throw train::ConfigError(origin + ": [compare." + scope + "] is no method" + did_you_mean(scope, labels));
    }
  }
}

std::vector<ComparedMethod> plan_comparison(const ConfigSources& sources, const std::vector<std::string>& labels) {
  check_scopes(sources, labels);
  std::vector<ComparedMethod> methods;
  std::set<std::string> seen;
  for (const std::string& label : labels) {
    if (!seen.insert(label).second)
      throw UsageError("method " + label + " is given twice");
    check_label(label, sources.names_method(label));
    methods.push_back({label, sources.resolve(label).config});
    check_lab_keys(methods.back());
  }
  check_common(methods);
  return methods;
}

std::string comparison_toml(const std::vector<ComparedMethod>& methods) {
  std::vector<Json> configs;
  Json labels = Json::array();
  for (const ComparedMethod& method : methods) {
    configs.push_back(train::config_to_json(method.config));
    labels.push_back(method.label);
  }
  // method.name is said for each method even where all agree: it makes a method of a label that is none by itself.
  const auto is_shared = [&](const std::string& section, const std::string& name) {
    return section + "." + name != "method.name" &&
           std::all_of(configs.begin(), configs.end(), [&](const Json& config) {
             return config.at(section).at(name) == configs.front().at(section).at(name);
           });
  };
  // The members for which `wanted` holds, below a heading; nothing where there are none.
  const auto table = [](const std::string& heading, const Json& members, const auto& wanted) {
    std::string lines;
    for (const auto& [name, value] : members.items()) {
      if (wanted(name))
        lines += name + " = " + train::json_text(value) + "\n";
    }
    return lines.empty() ? lines : "[" + heading + "]\n" + lines + "\n";
  };

  std::string text;
  for (const auto& [section, members] : configs.front().items())
    text += table(section, members, [&, &part = section](const std::string& name) { return is_shared(part, name); });
  text += "[compare]\nmethods = " + train::json_text(labels) + "\n\n";
  for (std::size_t i = 0; i < methods.size(); ++i) {
    const std::string& label = methods[i].label;
    const bool bare = label.find_first_of("+=") == std::string::npos;  // else TOML wants quotation marks
    const std::string scope = "compare." + (bare ? label : "\"" + label + "\"") + ".";
    for (const auto& [section, members] : configs[i].items()) {
      text += table(
          scope + section, members, [&, &part = section](const std::string& name) { return !is_shared(part, name); });
    }
  }
  return text;
}

void write_comparison(const fs::path& folder, const std::vector<ComparedMethod>& methods) {
  Json list = Json::array();
  for (const ComparedMethod& method : methods) {
    list.push_back({{"label", method.label}, {"config", train::config_to_json(method.config)}});
  }
  Json object;
  object["schema_version"] = 1;
  object["methods"] = std::move(list);
  train::write_file_atomically(folder / "compare.json", train::json_text(object, true) + "\n");
}

std::vector<ComparedMethod> read_comparison(const fs::path& folder) {
  const fs::path path = folder / "compare.json";
  const Json object = train::parse_json(train::read_file(path), path.string());
  try {
    if (object.at("schema_version").get<int>() != 1) {
      throw train::RecordReadError(path.string() + " was written by a newer proxprop");
    }
    std::vector<ComparedMethod> methods;
    for (const Json& method : object.at("methods")) {
      methods.push_back({method.at("label").get<std::string>(), train::config_from_json(method.at("config"))});
      if (!is_folder_name(methods.back().label)) {
        throw train::RecordReadError(path.string() + ": '" + methods.back().label + "' cannot be the name of a method");
      }
    }
    if (methods.empty())
      throw train::RecordReadError(path.string() + " names no method");
    return methods;
  } catch (const Json::exception& error) {
    throw train::RecordReadError(path.string() + " is not what proxprop writes: " + error.what());
  }
}

}  // namespace proxprop::app
