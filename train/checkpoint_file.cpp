#include "train/checkpoint_file.h"

#include "train/errors.h"
#include "train/sha256.h"

namespace proxprop::train {
namespace {

const std::string kKey = "sha256";
const std::string kZeros(64, '0');

// Where the 64 digits stand. A '"' inside any name or text of the header is written \", so that this sequence of
// characters is the metadata entry itself; it comes before all tensors, whose names could not form it either.
size_t find_digest(std::string_view bytes, std::string_view digest) {
  const std::string text = "\"" + kKey + "\":\"" + std::string(digest) + "\"";
  const size_t begin = bytes.find(text);
  return begin == std::string_view::npos ? begin : begin + kKey.size() + 4;
}

std::string digest_with_zeros_at(std::string_view bytes, size_t position) {
  Sha256 sha256;
  sha256.update(bytes.substr(0, position));
  sha256.update(kZeros);
  sha256.update(bytes.substr(position + kZeros.size()));
  return sha256.hex_digest();
}

}  // namespace

std::string to_checksummed_safetensors(Safetensors content) {
  content.metadata[kKey] = kZeros;
  std::string bytes = to_safetensors(content);
  const size_t position = find_digest(bytes, kZeros);
  bytes.replace(position, kZeros.size(), digest_with_zeros_at(bytes, position));
  return bytes;
}

Safetensors parse_checksummed_safetensors(std::string_view bytes, const std::string& origin) {
  Safetensors content = parse_safetensors(bytes, origin);
  const auto digest = content.metadata.find(kKey);
  require<CheckpointError>(
      digest != content.metadata.end() && digest->second.size() == kZeros.size(), origin,
      ": it has no checksum; not a checkpoint");
  const size_t position = find_digest(bytes, digest->second);
  require<CheckpointError>(
      position != std::string_view::npos && digest_with_zeros_at(bytes, position) == digest->second, origin,
      ": the checksum does not match; the file is corrupt");
  content.metadata.erase(digest);
  return content;
}

}  // namespace proxprop::train
