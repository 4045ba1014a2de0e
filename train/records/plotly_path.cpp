#include "train/records/plotly_path.h"

#include "train/records/record_error.h"
#include "train/system/installed_prefix.h"

#include <array>
#include <cstdlib>
#include <string>
#include <system_error>

namespace proxprop::train {

namespace fs = std::filesystem;

fs::path plotly_path() {
  const char* chosen = std::getenv("PROXPROP_PLOTLY");
  if (chosen != nullptr && *chosen != '\0') {
    if (!fs::is_regular_file(chosen))
      throw RecordError("PROXPROP_PLOTLY is " + std::string(chosen) + ", which is no file");
    return chosen;
  }
  // An installation may have been moved: first what lies beside the running program.
  const std::array<fs::path, 3> candidates{
      installed_prefix() / PROXPROP_PLOTLY_IN_PREFIX, PROXPROP_PLOTLY_INSTALLED, PROXPROP_PLOTLY_BUILD};
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
