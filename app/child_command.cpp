#include "app/child_command.h"

#include "app/config_keys.h"
#include "app/exit_codes.h"

#include <algorithm>

#include <unistd.h>

namespace proxprop::app {
namespace {

std::string argument(const Key& key, const train::Config& config) {
  return key.flag() + "=" + value_text(key, config);
}

bool has_dependent_default(const Key& key) {
  const std::string path = key.path();
  return path == "method.name" || path == "method.tau_theta" || path == "optimizer.lr";
}

std::string argument(const char* path, const train::Config& config) {
  return argument(*find_key(path), config);
}

}  // namespace

std::filesystem::path this_program() {
  return std::filesystem::read_symlink("/proc/self/exe");
}

std::vector<std::string> config_arguments(const train::Config& config) {
  std::vector<std::string> arguments;
  const train::Config defaults;
  for (const Key& key : config_keys()) {
    if (has_dependent_default(key) || value_text(key, config) != value_text(key, defaults))
      arguments.push_back(argument(key, config));
  }
  return arguments;
}

std::vector<std::string> child_command(const reproduce::TaskCommand& task) {
  const train::Config& config = task.config;
  std::vector<std::string> words = {this_program().string(), task.hessian ? "hessian" : "train", "-q"};
  if (task.resume) {
    words.insert(words.end(), {"--resume", argument("train.epochs", config)});
    if (!config.data.dir.empty())
      words.push_back(argument("data.dir", config));
    if (config.train.threads > 0)
      words.push_back(argument("train.threads", config));
  } else {
    const std::vector<std::string> arguments = config_arguments(config);
    words.insert(words.end(), arguments.begin(), arguments.end());
  }
  if (task.hessian)
    words.emplace_back("--no-bias");
  words.insert(words.end(), {"--out", task.folder.string()});
  return words;
}

std::vector<std::string> child_environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    const std::string name = text.substr(0, text.find('='));
    const auto& keys = config_keys();
    if (std::none_of(keys.begin(), keys.end(), [&](const Key& key) { return key.environment() == name; }))
      variables.push_back(text);
  }
  return variables;
}

reproduce::TaskState task_state(int exit_code) {
  using reproduce::TaskState;
  switch (exit_code) {
    case exit_ok: return TaskState::done;
    case exit_diverged: return TaskState::diverged;
    case exit_interrupted: return TaskState::interrupted;
    default: return TaskState::failed;
  }
}

}  // namespace proxprop::app
