#include "support/bytes.h"

#include "train/data/random.h"

#include <zlib.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace proxprop::train::testing {

void write_bytes(const std::filesystem::path& file, const Bytes& bytes) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream stream(file, std::ios::binary);
  stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!stream.flush()) {
    throw std::runtime_error("cannot write " + file.string());
  }
}

void write_text(const std::filesystem::path& file, const std::string& text) {
  write_bytes(file, Bytes(text.begin(), text.end()));
}

Bytes read_bytes(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    throw std::runtime_error("cannot read " + file.string());
  }
  return Bytes(std::istreambuf_iterator<char>(stream), {});
}

Bytes noise_bytes(size_t count, uint64_t seed) {
  SplitMix64 random(seed);
  Bytes bytes(count);
  for (uint8_t& byte : bytes) {
    byte = static_cast<uint8_t>(random.next());
  }
  return bytes;
}

Bytes gzip_bytes(const Bytes& bytes) {
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  Bytes compressed(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = compressed.data();
  stream.avail_out = static_cast<uInt>(compressed.size());
  deflate(&stream, Z_FINISH);
  compressed.resize(stream.total_out);
  deflateEnd(&stream);
  return compressed;
}

Bytes idx_bytes(const std::vector<uint32_t>& sizes, const Bytes& elements) {
  Bytes bytes = {0, 0, 0x08, static_cast<uint8_t>(sizes.size())};
  for (const uint32_t size : sizes) {
    for (const int shift : {24, 16, 8, 0}) {
      bytes.push_back(static_cast<uint8_t>(size >> shift));
    }
  }
  bytes.insert(bytes.end(), elements.begin(), elements.end());
  return bytes;
}

Bytes cifar_bytes(const std::vector<Bytes>& labels) {
  Bytes bytes;
  for (size_t record = 0; record < labels.size(); ++record) {
    bytes.insert(bytes.end(), labels[record].begin(), labels[record].end());
    bytes.insert(bytes.end(), 3072, static_cast<uint8_t>(record));
  }
  return bytes;
}

}  // namespace proxprop::train::testing
