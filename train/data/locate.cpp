#include "train/data/locate.h"

#include "train/system/installed_prefix.h"

#include <algorithm>
#include <cstdlib>
#include <system_error>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEmbedded = "mnist-5k";

bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

/// Data folders that come with the program: where it is installed, and where it was built.
std::vector<fs::path> shipped_data_folders() {
  return {installed_prefix() / "share" / "proxprop" / "data", PROXPROP_SOURCE_DATA_DIR};
}

fs::path last_name(const fs::path& dir) {
  const fs::path normal = dir.lexically_normal();
  return normal.has_filename() ? normal.filename() : normal.parent_path().filename();
}

bool is_named_after_another(const fs::path& dir, const DatasetInfo& info) {
  const auto& all = known_datasets();
  return std::any_of(all.begin(), all.end(), [&](const DatasetInfo& other) {
    return other.name != info.name && !other.folder.empty() && last_name(dir) == other.folder;
  });
}

std::vector<std::string> missing_files(const DatasetInfo& info, const fs::path& folder) {
  std::vector<std::string> missing;
  for (const std::string& name : info.files) {
    if (!is_there(plain_or_gzip(folder, name))) {
      missing.push_back(name);
    }
  }
  return missing;
}

}  // namespace

fs::path plain_or_gzip(const fs::path& folder, const std::string& name) {
  const fs::path plain = folder / name;
  const fs::path compressed = folder / (name + ".gz");
  return is_there(compressed) ? compressed : plain;
}

std::vector<fs::path> candidate_folders(const DatasetInfo& info, const fs::path& dir) {
  std::vector<fs::path> candidates;
  const auto add = [&](const fs::path& root, bool also_top) {
    candidates.push_back(root / info.folder);
    if (last_name(root) == info.folder || (also_top && !is_named_after_another(root, info))) {
      candidates.push_back(root);
    }
  };
  if (info.files.empty()) {
    return candidates;
  }
  if (!dir.empty()) {
    add(dir, true);
    return candidates;
  }
  const bool embedded = info.name == kEmbedded;
  if (const char* root = std::getenv("PROXPROP_DATA"); root != nullptr && *root != '\0') {
    add(root, !embedded);  // MNIST itself may lie at the top, under the same file names
  }
  if (embedded) {
    for (const fs::path& root : shipped_data_folders()) {
      add(root, false);
    }
  }
  return candidates;
}

fs::path locate_dataset(const DatasetInfo& info, const fs::path& dir) {
  std::string looked;
  for (const fs::path& folder : candidate_folders(info, dir)) {
    const auto missing = missing_files(info, folder);
    if (missing.empty()) {
      return folder;
    }
    const bool some = missing.size() < info.files.size();
    looked += (looked.empty() ? "" : ", ") + folder.string() + (some ? " (" : " (no ") + missing.front() +
              (some ? " is missing)" : ")");
  }
  throw DataError(
      info.name + ": the files were not found" +
      (looked.empty() ? "; PROXPROP_DATA is not set and no folder was given" : "; looked in " + looked) +
      "; fetch the data set (proxprop data fetch " + info.name + ") or name the folder that holds it");
}

fs::path find_dataset(const std::string& name, const fs::path& dir) {
  const DatasetInfo& info = dataset_info(name);
  for (const fs::path& folder : candidate_folders(info, dir)) {
    if (missing_files(info, folder).empty()) {
      return folder;
    }
  }
  return {};
}

}  // namespace proxprop::train
