// ConfigSources::add_toml. Apart, because toml++ is a large header.

#include "app/config_sources.h"
#include "app/method_label.h"
#include "app/suggest.h"
#include "train/errors.h"

#include <toml++/toml.h>

#include <algorithm>
#include <fstream>

namespace proxprop::app {
namespace {

using train::ConfigError;

constexpr size_t kMostBytes = size_t{1} << 20;  // the file may be a pipe, and a device never ends

/// What the reader of one file carries along.
struct Reader {
  std::string origin;
  std::vector<Setting>& settings;

  std::string at(const toml::source_region& region) const {
    return origin + ":" + std::to_string(region.begin.line) + ":" + std::to_string(region.begin.column);
  }
  [[noreturn]] void fail(const toml::source_region& region, const std::string& message) const {
    throw ConfigError(at(region) + ": " + message);
  }
};

[[noreturn]] void wrong_type(const char* expected) {
  throw BadValue(std::string("must be ") + expected);
}

void read(const toml::node& node, std::string& value) {
  if (!node.is_string())
    wrong_type("a string");
  value = node.as_string()->get();
}

void read(const toml::node& node, int64_t& value) {
  if (!node.is_integer())
    wrong_type("an integer");
  value = node.as_integer()->get();
}

void read(const toml::node& node, uint64_t& value) {
  if (!node.is_integer() || node.as_integer()->get() < 0)
    wrong_type("a non-negative integer");
  value = static_cast<uint64_t>(node.as_integer()->get());
}

void read(const toml::node& node, double& value) {
  if (!node.is_number())
    wrong_type("a number");
  value = *node.value<double>();
}

void read(const toml::node& node, bool& value) {
  if (!node.is_boolean())
    wrong_type("true or false");
  value = node.as_boolean()->get();
}

template <class T>
void read(const toml::node& node, std::vector<T>& values) {
  if (!node.is_array())
    wrong_type(
        std::is_same_v<T, std::string> ? "a list of strings"
        : std::is_same_v<T, double>    ? "a list of numbers"
                                       : "a list of integers");
  for (const toml::node& element : *node.as_array())
    read(element, values.emplace_back());
}

void read_key(const Reader& reader, const toml::node& node, const Key& key, const std::string& scope) {
  try {
    Value value = std::visit(
        [&](auto member) {
          std::remove_cvref_t<decltype(member(std::declval<train::Config&>()))> result{};
          read(node, result);
          return Value(std::move(result));
        },
        key.member);
    check_value(key, value);
    const Source source = scope.empty() ? Source::file : Source::scoped_file;
    reader.settings.push_back({&key, source, scope, reader.at(node.source()), std::move(value)});
  } catch (const BadValue& error) {
    reader.fail(node.source(), key.path() + " " + error.what());
  }
}

void read_section(const Reader& reader, const toml::node& node, const toml::key& name, const std::string& scope) {
  const std::string section(name.str());
  const auto& sections = config_sections();
  if (std::find(sections.begin(), sections.end(), section) == sections.end()) {
    std::vector<std::string> known = sections;
    if (scope.empty())
      known.push_back("compare");
    const std::string hint = node.is_table() ? did_you_mean(section, known) : suggest_key(section);
    reader.fail(
        name.source(), "unknown " + std::string(node.is_table() ? "table" : "key") + " '" + section + "'" + hint);
  }
  if (!node.is_table())
    reader.fail(name.source(), section + " must be a table: [" + section + "]");
  for (const auto& [member, value] : *node.as_table()) {
    const std::string path = section + "." + std::string(member.str());
    const Key* key = find_key(path);
    if (key == nullptr)
      reader.fail(member.source(), "unknown key '" + path + "'" + suggest_key(path));
    read_key(reader, value, *key, scope);
  }
}

void read_compare(const Reader& reader, const toml::node& node, std::vector<std::string>& methods) {
  if (!node.is_table())
    reader.fail(node.source(), "compare must be a table: [compare]");
  for (const auto& [name, value] : *node.as_table()) {
    const std::string label(name.str());
    if (label == "methods") {
      try {
        read(value, methods);
      } catch (const BadValue& error) {
        reader.fail(value.source(), std::string("compare.methods ") + error.what());
      }
    } else if (value.is_table()) {
      for (const auto& [section, settings] : *value.as_table())
        read_section(reader, settings, section, label);
    } else {
      reader.fail(name.source(), "unknown key 'compare." + label + "'" + did_you_mean(label, {"methods"}));
    }
  }
}

}  // namespace

void ConfigSources::add_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream || std::filesystem::is_directory(path)) {
    throw ConfigError("cannot read the configuration file " + path.string());
  }
  std::string text(kMostBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(stream.gcount()));
  train::require<ConfigError>(
      text.size() <= kMostBytes, path.string(), " is not a configuration file: it has more than ", kMostBytes,
      " bytes");
  add_toml(text, path.string());
}

void ConfigSources::add_toml(std::string_view text, const std::string& origin) {
  const Reader reader{origin, settings_};
  toml::table table;
  try {
    table = toml::parse(text, origin);
  } catch (const toml::parse_error& error) {
    reader.fail(error.source(), std::string(error.description()));
  }
  for (const auto& [name, value] : table) {
    if (name.str() == "experiment")
      continue;  // that is for read_experiment
    if (name.str() == "compare") {
      std::vector<std::string> methods;
      read_compare(reader, value, methods);
      if (!methods.empty())
        methods_ = std::move(methods);
    } else {
      read_section(reader, value, name, "");
    }
  }
}

}  // namespace proxprop::app
