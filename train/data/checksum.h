#pragma once

#include <filesystem>
#include <string>

namespace proxprop::train {

enum class ChecksumAlgorithm {
  sha256,
  md5  ///< where the authors publish nothing else: finds damage, not malice
};

/// What a file's bytes should hash to.
struct Checksum {
  ChecksumAlgorithm algorithm = ChecksumAlgorithm::sha256;
  std::string hex;  ///< lower case
};

/// "SHA-256" or "MD5".
std::string to_string(ChecksumAlgorithm algorithm);

/// The checksum of a file in lower-case hexadecimal. Throws DataError when it cannot be read.
std::string file_checksum(const std::filesystem::path& file, ChecksumAlgorithm algorithm);

}  // namespace proxprop::train
