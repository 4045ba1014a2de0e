#include "train/data/checksum.h"

#include "train/data/data_error.h"
#include "train/data/hex.h"

#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <memory>
#include <span>
#include <vector>

namespace proxprop::train {

std::string to_string(ChecksumAlgorithm algorithm) {
  return algorithm == ChecksumAlgorithm::md5 ? "MD5" : "SHA-256";
}

std::string file_checksum(const std::filesystem::path& file, ChecksumAlgorithm algorithm) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  const EVP_MD* digest = algorithm == ChecksumAlgorithm::md5 ? EVP_md5() : EVP_sha256();
  if (!context || EVP_DigestInit_ex(context.get(), digest, nullptr) != 1) {
    throw DataError(
        file.string() + ": OpenSSL offers no " + to_string(algorithm) + " here, so the file cannot be checked");
  }
  std::ifstream stream(file, std::ios::binary);
  std::vector<char> chunk(size_t{1} << 20);
  while (stream) {
    stream.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    EVP_DigestUpdate(context.get(), chunk.data(), static_cast<size_t>(stream.gcount()));
  }
  if (!stream.eof()) {
    throw DataError(file.string() + ": cannot be read; check that it exists and its permissions");
  }
  std::array<uint8_t, EVP_MAX_MD_SIZE> bytes{};
  unsigned int length = 0;
  EVP_DigestFinal_ex(context.get(), bytes.data(), &length);
  return to_hex(std::span(bytes).first(length));
}

}  // namespace proxprop::train
