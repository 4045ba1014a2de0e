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
      "unknown method '" + label + "': choose from backprop, exact, cgN (N conjugate gradient iterations)" +
      did_you_mean(label, {"backprop", "exact", "cg", "cg3"}));
}

/// Whether all methods of a comparison must agree on the key: it decides initial parameters, data or batches.
bool is_common(const Key& key) {
  return key.section == "data" || key.section == "model" || key.path() == "train.seed" || key.path() == "train.dtype" ||
         key.path() == "train.batch_size";
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

std::vector<ComparedMethod> plan_comparison(const ConfigSources& sources, const std::vector<std::string>& labels) {
  for (const auto& [scope, origin] : sources.scopes()) {
    const bool compared = std::find(labels.begin(), labels.end(), scope) != labels.end();
    if (origin.starts_with("--set") && !compared) {
      throw UsageError(origin + ": '" + scope + "' is not compared" + did_you_mean(scope, labels));
    }
    if (!compared && !parse_method_label(scope) && !sources.names_method(scope)) {
      throw train::ConfigError(origin + ": [compare." + scope + "] is no method" + did_you_mean(scope, labels));
    }
  }
  std::vector<ComparedMethod> methods;
  std::set<std::string> seen;
  for (const std::string& label : labels) {
    if (!seen.insert(label).second)
      throw UsageError("method " + label + " is given twice");
    check_label(label, sources.names_method(label));
    methods.push_back({label, sources.resolve(label).config});
  }
  check_common(methods);
  return methods;
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
