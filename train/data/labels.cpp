#include "train/data/labels.h"

#include "train/data/data_error.h"
#include "train/data/file.h"

#include <algorithm>
#include <sstream>

namespace proxprop::train {

at::Tensor checked_labels(const at::Tensor& bytes, int64_t classes, const std::string& file) {
  const at::Tensor contiguous = bytes.contiguous();
  const uint8_t* begin = contiguous.data_ptr<uint8_t>();
  const uint8_t* end = begin + contiguous.numel();
  const uint8_t* wrong = std::find_if(begin, end, [classes](uint8_t label) { return label >= classes; });
  if (wrong != end) {
    throw DataError(
        file + ": expected labels in [0, " + std::to_string(classes) + "), found " + std::to_string(*wrong) +
        " at record " + std::to_string(wrong - begin) + "; the file is corrupt, fetch the data set again");
  }
  return contiguous.to(at::kLong);
}

std::vector<std::string> read_class_names(const std::filesystem::path& file, int64_t classes) {
  const std::vector<uint8_t> bytes = read_file(file, int64_t{1} << 20);
  std::istringstream text(std::string(bytes.begin(), bytes.end()));
  std::vector<std::string> names;
  for (std::string line; std::getline(text, line);) {
    if (!line.empty() && line.back() == '\r') {
      line.pop_back();
    }
    if (!line.empty()) {
      names.push_back(line);
    }
  }
  if (static_cast<int64_t>(names.size()) != classes) {
    throw DataError(
        file.string() + ": expected the names of " + std::to_string(classes) + " classes, one a line, found " +
        std::to_string(names.size()) + "; fetch the data set again, or remove this file to number the classes");
  }
  return names;
}

std::vector<std::string> numbered_class_names(int64_t classes) {
  std::vector<std::string> names;
  for (int64_t label = 0; label < classes; ++label) {
    names.push_back(std::to_string(label));
  }
  return names;
}

}  // namespace proxprop::train
