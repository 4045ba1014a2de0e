#include "train/records/plotly_path.h"

#include "train/records/record_error.h"

#include <array>
#include <cstdlib>
#include <string>
#include <system_error>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

// An installation may have been moved: first what lies beside the running program.
fs::path beside_program() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path() : program.parent_path().parent_path() / PROXPROP_PLOTLY_IN_PREFIX;
}

}  // namespace

fs::path plotly_path() {
  const char* chosen = std::getenv("PROXPROP_PLOTLY");
  if (chosen != nullptr && *chosen != '\0') {
    if (!fs::is_regular_file(chosen))
      throw RecordError("PROXPROP_PLOTLY is " + std::string(chosen) + ", which is no file");
    return chosen;
  }
  const std::array<fs::path, 3> candidates{beside_program(), PROXPROP_PLOTLY_INSTALLED, PROXPROP_PLOTLY_BUILD};
  for (const fs::path& path : candidates) {
    std::error_code error;
    if (!path.empty() && fs::is_regular_file(path, error))
      return path;
  }
  throw RecordError(
      "cannot write a report without plotly.min.js: install it with the program, or name the file in PROXPROP_PLOTLY "
      "(it is "
      "in the plotly package of PyPI)");
}

}  // namespace proxprop::train
