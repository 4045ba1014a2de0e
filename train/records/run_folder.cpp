#include "train/records/run_folder.h"

#include "train/records/atomic_file.h"
#include "train/records/posix_file.h"
#include "train/records/record_error.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <regex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

fs::path info_path(const fs::path& folder) {
  return folder / "run.json";
}

// The names under which the recorders of this folder and the checkpoints write.
bool written_by_a_run(const fs::path& relative) {
  static const std::regex checkpoint(R"(model\.safetensors|step-[0-9]+\.safetensors)");
  const std::string of = left_over_of(relative.filename().string());
  const std::string name = of.empty() ? relative.filename().string() : of;
  const std::string parent = relative.parent_path().string();
  if (parent.empty()) {
    return name == "run.json" || name == "metrics.jsonl" || name == "metrics.csv" || name == "report.html";
  }
  if (parent == "tensorboard")
    return name.starts_with("events.out.tfevents.");
  return parent == "checkpoints" && std::regex_match(name, checkpoint);
}

struct Written {
  std::vector<fs::path> files;
  std::vector<fs::path> folders;
};

// Symbolic links to folders are not followed: what lies behind them is not ours.
Written what_a_run_wrote(const fs::path& folder) {
  Written written;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    const fs::path relative = entry.path().lexically_relative(folder);
    const bool is_folder = entry.is_directory() && !entry.is_symlink();
    if (is_folder && (relative == "tensorboard" || relative == "checkpoints")) {
      written.folders.push_back(entry.path());
    } else if (!is_folder && written_by_a_run(relative)) {
      written.files.push_back(entry.path());
    }
  }
  return written;
}

void remove_what_a_run_wrote(const fs::path& folder) {
  Written written = what_a_run_wrote(folder);
  // The sign that all this is ours goes last: whoever is stopped in between can begin again.
  std::stable_partition(
      written.files.begin(), written.files.end(), [&](const fs::path& file) { return file != info_path(folder); });
  for (const fs::path& file : written.files)
    fs::remove(file);
  for (const fs::path& made : written.folders) {
    if (fs::is_empty(made))  // one with foreign files in it stays
      fs::remove(made);
  }
}

// A process that was killed while it wrote a file leaves its temporary one; nobody else would ever remove it.
void remove_left_overs(const fs::path& folder) {
  for (const fs::path& file : what_a_run_wrote(folder).files) {
    if (!left_over_of(file.filename().string()).empty())
      fs::remove(file);
  }
}

}  // namespace

fs::path linked_part(const fs::path& folder) {
  for (const char* name : {"checkpoints", "tensorboard"}) {
    if (fs::is_symlink(folder / name))
      return folder / name;
  }
  return {};
}

bool is_vacant(const fs::path& folder) {
  return std::none_of(fs::directory_iterator(folder), fs::directory_iterator(), [](const fs::directory_entry& entry) {
    const std::string of = left_over_of(entry.path().filename().string());
    return of != "run.json" && of != "compare.json";
  });
}

void prepare_run_folder(const fs::path& folder, ExistingFolder existing) {
  try {
    if (fs::exists(folder) && !fs::is_directory(folder)) {
      throw RecordError(folder.string() + " is a file; a run needs a folder");
    }
    const bool occupied = fs::exists(folder) && !is_vacant(folder);
    if (occupied && existing == ExistingFolder::refuse) {
      throw RecordError(
          folder.string() +
          " is not empty: choose another folder, or resume the run in it, or replace it with --force");
    }
    // Without run.json this is no run's folder, and names such as checkpoints/ may be someone else's.
    if (occupied && existing == ExistingFolder::replace && fs::exists(info_path(folder))) {
      if (const fs::path link = linked_part(folder); !link.empty())
        throw RecordError(link.string() + " is a symbolic link: remove it, or choose another folder");
      remove_what_a_run_wrote(folder);
    }
    fs::create_directories(folder);
    remove_left_overs(folder);
  } catch (const fs::filesystem_error& error) {
    throw RecordError("cannot prepare " + folder.string() + ": " + error.code().message());
  }
}

void write_run_info(const fs::path& folder, RunInfo info) {
  if (info.start_time.empty())
    info.start_time = utc_now();
  if (info.cpu_name.empty())
    info.cpu_name = cpu_name();
  write_file_atomically(info_path(folder), json_text(run_info_to_json(info), true) + "\n");
}

void write_resumed_run_info(const fs::path& folder, RunInfo info) {
  if (fs::exists(info_path(folder))) {
    RunInfo first = read_run_info(folder);
    const std::string now = info.start_time.empty() ? utc_now() : info.start_time;
    info.resumptions = std::move(first.resumptions);
    info.resumptions.push_back({now, std::move(info.command_line)});
    info.label = std::move(first.label);
    info.start_time = std::move(first.start_time);
    info.command_line = std::move(first.command_line);
  }
  write_run_info(folder, std::move(info));
}

RunInfo read_run_info(const fs::path& folder) {
  const fs::path path = info_path(folder);
  try {
    return run_info_from_json(parse_json(read_file(path), "the file"));
  } catch (const RecordError& error) {
    const std::string message = error.what();
    throw RecordReadError(message.starts_with("cannot read") ? message : path.string() + ": " + message);
  }
}

}  // namespace proxprop::train
