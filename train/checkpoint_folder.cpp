#include "train/checkpoint.h"
#include "train/errors.h"
#include "train/records/record_error.h"

#include <charconv>
#include <map>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kSuffix = ".safetensors";

std::optional<int64_t> step_of(const std::string& name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix) || name.size() <= kPrefix.size() + kSuffix.size())
    return {};
  const char* begin = name.data() + kPrefix.size();
  const char* end = name.data() + name.size() - kSuffix.size();
  int64_t step = 0;
  const auto [stop, error] = std::from_chars(begin, end, step);
  if (error != std::errc() || stop != end || step < 0)
    return {};
  return step;
}

bool is_left_over(const std::string& name) {
  return name.starts_with(".step-") && name.ends_with(".tmp");
}

template <class Use>
void for_each_file(const fs::path& folder, Use&& use) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    use(entry->path());
  const bool absent = error == std::errc::no_such_file_or_directory;
  require<RecordReadError>(!error || absent, "cannot read the folder ", folder.string(), ": ", error.message());
}

std::map<int64_t, fs::path> checkpoints_by_step(const fs::path& folder) {
  std::map<int64_t, fs::path> paths;
  for_each_file(folder, [&](const fs::path& path) {
    if (const auto step = step_of(path.filename().string()))
      paths.emplace(*step, path);
  });
  return paths;
}

void remove_file(const fs::path& path) {
  std::error_code ignored;  // another process may have been faster, and a file too many does no harm
  fs::remove(path, ignored);
}

}  // namespace

bool has_checkpoints(const fs::path& folder) {
  return !checkpoints_by_step(folder).empty();
}

std::optional<Checkpoint> load_newest_checkpoint(const fs::path& folder, const WarningCallback& warn) {
  const std::map<int64_t, fs::path> paths = checkpoints_by_step(folder);
  for (auto entry = paths.rbegin(); entry != paths.rend(); ++entry) {
    try {
      return load_checkpoint(entry->second);
    } catch (const CheckpointError& error) {
      if (warn)
        warn(std::string(error.what()) + "; trying the one before it");
    } catch (const RecordError& error) {
      if (warn)
        warn(std::string(error.what()) + "; trying the one before it");
    }
  }
  require<CheckpointError>(
      paths.empty(), "none of the ", paths.size(), " checkpoints in ", folder.string(),
      " can be read: restore one from a copy, or start the run anew with --force");
  return std::nullopt;
}

void prune_checkpoints(const fs::path& folder, int64_t step, int64_t keep, int64_t best_step) {
  std::map<int64_t, fs::path> paths = checkpoints_by_step(folder);
  paths.erase(paths.upper_bound(step), paths.end());
  int64_t kept = 0;
  for (auto entry = paths.rbegin(); entry != paths.rend(); ++entry) {
    if (kept++ >= keep && entry->first != best_step)
      remove_file(entry->second);
  }
  for_each_file(folder, [](const fs::path& path) {
    if (is_left_over(path.filename().string()))
      remove_file(path);
  });
}

}  // namespace proxprop::train
