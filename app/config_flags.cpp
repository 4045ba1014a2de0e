#include "app/config_flags.h"

#include "app/suggest.h"

namespace proxprop::app {
namespace {

/// What stands behind a flag in --help: what it is for, what it takes, its default.
std::string help_text(const Key& key) {
  std::string text = key.doc;
  if (!key.choices.empty())
    text += ": " + join(key.choices);
  // A default that depends on other keys stands in the text already.
  const std::string value = value_text(key, train::Config{});
  if (text.find('[') == std::string::npos && !value.empty())
    text += " [" + value + "]";
  return text;
}

}  // namespace

ConfigFlags::ConfigFlags(CLI::App& command, const std::function<bool(const Key&)>& has_use) {
  command.add_option("--config", files_, "TOML file with the keys below, e.g. [train] epochs = 3; repeatable")
      ->type_name("FILE")
      ->group("Configuration")
      ->allow_extra_args(false);
  command.add_option("--set", sets_, "set one key, e.g. optimizer.lr=0.1; repeatable")
      ->type_name("KEY=VALUE")
      ->group("Configuration")
      ->allow_extra_args(false);
  for (const Key& key : config_keys()) {
    if (!has_use(key))
      continue;
    std::string& text = texts_[&key];
    CLI::Option* option = std::holds_alternative<Member<bool>>(key.member)
                              ? command.add_flag(key.flag(), text, help_text(key))
                              : command.add_option(key.flag(), text, help_text(key))->type_name(key.type_name());
    options_[&key] = option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)->group("[" + key.section + "]");
  }
}

bool ConfigFlags::any() const {
  for (const auto& [key, option] : options_) {
    if (option->count() > 0)
      return true;
  }
  return !files_.empty() || !sets_.empty();
}

bool ConfigFlags::given(const std::string& path) const {
  const auto option = options_.find(find_key(path));
  return option != options_.end() && option->second->count() > 0;
}

ConfigSources ConfigFlags::sources(const std::optional<train::Config>& start) const {
  ConfigSources sources;
  if (start)
    sources.start_from(*start);
  // What is wrong on the command line is told first, whatever stands in files and environment; resolve() orders them.
  for (const std::string& assignment : sets_)
    sources.add_set(assignment);
  for (const Key& key : config_keys()) {
    if (given(key.path()))
      sources.add_flag(key, texts_.at(&key));
  }
  for (const std::string& file : files_)
    sources.add_file(file);
  sources.add_environment();
  return sources;
}

}  // namespace proxprop::app
