#include "train/data/file.h"

#include "train/data/data_error.h"

#include <fstream>
#include <string>
#include <system_error>

namespace proxprop::train {

std::vector<uint8_t> read_file(const std::filesystem::path& file, int64_t max_bytes) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) {
    throw DataError(file.string() + ": no such file; check the data folder or fetch the data set again");
  }
  if (!std::filesystem::is_regular_file(status)) {
    throw DataError(file.string() + ": expected a regular file; check the data folder");
  }
  const auto size = std::filesystem::file_size(file, error);
  if (error) {
    throw DataError(file.string() + ": cannot be read (" + error.message() + ")");
  }
  if (size > static_cast<uintmax_t>(max_bytes)) {
    throw DataError(
        file.string() + ": expected at most " + std::to_string(max_bytes) + " bytes, found " + std::to_string(size) +
        "; this is another file than it should be, fetch the data set again");
  }
  std::vector<uint8_t> bytes(size);
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    throw DataError(file.string() + ": cannot be opened; check its permissions");
  }
  stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (static_cast<uintmax_t>(stream.gcount()) != size) {
    throw DataError(
        file.string() + ": expected " + std::to_string(size) + " bytes, only " + std::to_string(stream.gcount()) +
        " could be read; check the disk");
  }
  return bytes;
}

}  // namespace proxprop::train
