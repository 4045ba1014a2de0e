#pragma once
// Where a run or a comparison is written, and what may be done with a folder that is there already.

#include "train/data/folder_lock.h"
#include "train/records/run_folder.h"

#include <filesystem>
#include <string>

namespace proxprop::app {

/// A folder of this name does not exist yet: "runs/<stem>-20260131T120000Z".
std::filesystem::path new_run_folder(const std::string& stem);

/// Whether the folder holds anything but what a killed process left half-written.
bool is_occupied(const std::filesystem::path& folder);

/// Checks, and changes nothing: `refuse` wants a folder that is empty or absent; `replace` also takes one that holds
/// `record` ("run.json"), the sign that proxprop wrote it; `resume` takes only the latter. Throws train::ConfigError;
/// it names --resume where the command has that.
void check_out_folder(
    const std::filesystem::path& folder,
    train::ExistingFolder existing,
    const std::string& record,
    bool can_resume = true);

/// Makes the folder and those above it. Throws train::RecordError.
void make_folder(const std::filesystem::path& folder);

/// Holds a folder for this process, so that two of them never write the same run. Throws train::DataError when another
/// process holds it.
train::FolderLock lock_out_folder(const std::filesystem::path& folder);

}  // namespace proxprop::app
