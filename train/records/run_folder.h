#pragma once

#include "train/records/run_info.h"

#include <filesystem>

namespace proxprop::train {

/// What may be done with a run folder that exists and is not empty.
enum class ExistingFolder {
  refuse,   ///< a RecordError that says what to do
  replace,  ///< (--force) remove what a run wrote, and nothing else
  resume,   ///< leave what is whole; the recorders go on where the checkpoint is
};

/// checkpoints/ or tensorboard/ of the folder where it is a symbolic link, else an empty path. A run is not replaced
/// through a link: what lies behind it is not ours to remove, and would be mixed with the new run's files.
std::filesystem::path linked_part(const std::filesystem::path& folder);

/// Whether a folder that exists is empty, but for files whose writing was cut short (".run.json.4711.0.tmp").
/// Throws std::filesystem::filesystem_error.
bool is_vacant(const std::filesystem::path& folder);

/// Makes the folder of a run (and the folders above it), or checks that it may be used; removes what a killed process
/// left half written there, which is why the folder's lock must be held. Throws RecordError.
void prepare_run_folder(const std::filesystem::path& folder, ExistingFolder existing);

/// Writes `folder`/run.json atomically. The start time and the processor's name are filled in where `info` leaves them
/// empty.
void write_run_info(const std::filesystem::path& folder, RunInfo info);

/// The same for a resumed run: `info` is what holds from now on; label, start time and command line of the first start
/// are kept, this start is added to the resumptions. Without a run.json, as write_run_info.
void write_resumed_run_info(const std::filesystem::path& folder, RunInfo info);

/// Reads `folder`/run.json. Throws RecordError.
RunInfo read_run_info(const std::filesystem::path& folder);

}  // namespace proxprop::train
