#include "app/commands/data.h"

#include "app/dataset_list.h"
#include "app/exit_codes.h"
#include "app/fetch_progress.h"
#include "app/run.h"
#include "app/signals.h"
#include "train/data/dataset.h"
#include "train/data/fetch.h"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <iostream>

namespace proxprop::app {
namespace {

namespace fs = std::filesystem;

fs::path fetch_folder(const std::string& dir) {
  const char* environment = std::getenv("PROXPROP_DATA");
  if (!dir.empty())
    return dir;
  return environment != nullptr && *environment != '\0' ? environment : "downloads";
}

}  // namespace

DataCommand::DataCommand(CLI::App& root) : Command(root.add_subcommand("data", "list, download and find data sets")) {
  app->footer(
      "\nExamples:\n  proxprop data list\n  proxprop data fetch cifar10 --dir downloads\n  proxprop data path "
      "mnist-5k");
  list_ = app->add_subcommand("list", "the data sets that there are, and where they are found");
  fetch_ = app->add_subcommand("fetch", "download a data set from where its authors offer it; again: goes on");
  path_ = app->add_subcommand("path", "print the folder that holds the files of a data set");
  list_->add_flag("--json", json_, "print a JSON object");
  for (CLI::App* command : {fetch_, path_})
    command->add_option("NAME", name_, "data set")->required()->type_name(" ");
  list_->add_option("--dir", dir_, "folder to look in [$PROXPROP_DATA, then the embedded data set]")->type_name("DIR");
  path_->add_option("--dir", dir_, "folder to look in [$PROXPROP_DATA, then the embedded data set]")->type_name("DIR");
  fetch_->add_option("--dir", dir_, "folder to put it in [$PROXPROP_DATA, or downloads]")->type_name("DIR");
}

int DataCommand::run(const Session& session) {
  if (fetch_->parsed())
    return fetch(session);
  if (path_->parsed())
    return path();
  if (list_->parsed())
    return list();
  throw UsageError("data needs one of list, fetch NAME, path NAME; see proxprop data --help");
}

int DataCommand::list() const {
  if (json_) {
    const train::Json object = {{"schema_version", 1}, {"datasets", dataset_list(dir_)}};
    std::cout << train::json_text(object, true) << "\n";
  } else {
    std::cout << dataset_table(dir_);
  }
  return exit_ok;
}

int DataCommand::fetch(const Session& session) const {
  find_dataset_info(name_);
  const fs::path dir = fetch_folder(dir_);
  FetchBar bar(session.quiet, stop_on_signals());
  const fs::path folder =
      train::fetch_dataset(name_, dir, [&](const train::FetchProgress& progress) { bar.show(progress); });
  bar.clear();
  std::cout << folder.string() << "\n";
  session.note("use it with --data " + name_ + " --data-dir " + dir.string());
  return exit_ok;
}

int DataCommand::path() const {
  const train::DatasetInfo& info = find_dataset_info(name_);
  if (info.files.empty())
    throw train::DataError("the data set " + name_ + " is generated; it has no files");
  const fs::path folder = train::find_dataset(name_, dir_);
  if (folder.empty()) {
    throw train::DataError(
        "the files of " + name_ + " are not found; `proxprop data fetch " + name_ +
        "` downloads them, --dir or PROXPROP_DATA says where they are");
  }
  std::cout << folder.string() << "\n";
  return exit_ok;
}

}  // namespace proxprop::app
