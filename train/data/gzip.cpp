#include "train/data/gzip.h"

#include "train/data/data_error.h"

#include <zlib.h>

#include <algorithm>

namespace proxprop::train {
namespace {

constexpr int kGzipOnly = 15 + 16;  // zlib's code for the largest window and a gzip header

/// z_stream that ends itself.
class Inflater {
 public:
  explicit Inflater(const std::string& name) {
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) {
      throw DataError(name + ": zlib cannot be started (out of memory?)");
    }
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream* operator->() { return &stream_; }
  int inflate() { return ::inflate(&stream_, Z_NO_FLUSH); }
  void next_member() { inflateReset(&stream_); }

 private:
  z_stream stream_{};
};

}  // namespace

bool is_gzip(std::span<const uint8_t> bytes) {
  return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

std::vector<uint8_t> gunzip(std::span<const uint8_t> compressed, int64_t max_bytes, const std::string& name) {
  if (!is_gzip(compressed)) {
    throw DataError(name + ": expected a gzip file, found another beginning; fetch the file again");
  }
  constexpr size_t most_input = size_t{1} << 30;  // zlib counts in unsigned int
  Inflater inflater(name);
  std::vector<uint8_t> output;
  std::vector<uint8_t> chunk(size_t{1} << 18);
  auto rest = compressed;
  while (true) {
    const auto input = rest.first(std::min(rest.size(), most_input));
    inflater->next_in = const_cast<Bytef*>(input.data());  // zlib only reads it
    inflater->avail_in = static_cast<uInt>(input.size());
    inflater->next_out = chunk.data();
    inflater->avail_out = static_cast<uInt>(chunk.size());
    const int status = inflater.inflate();
    rest = rest.subspan(input.size() - inflater->avail_in);

    const size_t produced = chunk.size() - inflater->avail_out;
    if (output.size() + produced > static_cast<size_t>(max_bytes)) {
      throw DataError(
          name + ": expected to unpack to at most " + std::to_string(max_bytes) +
          " bytes, found more; this is another file than it should be, fetch it again");
    }
    output.insert(output.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(produced));

    if (status == Z_STREAM_END) {
      if (rest.empty()) {
        return output;
      }
      if (!is_gzip(rest)) {
        throw DataError(
            name + ": expected the end of the gzip file, found " + std::to_string(rest.size()) +
            " trailing bytes; fetch the file again");
      }
      inflater.next_member();
    } else if (status == Z_BUF_ERROR || (status == Z_OK && rest.empty() && inflater->avail_out > 0)) {
      throw DataError(
          name + ": expected the end of the gzip file, found it truncated after " + std::to_string(compressed.size()) +
          " bytes; fetch the file again");
    } else if (status != Z_OK) {
      throw DataError(
          name + ": corrupt gzip file (" + (inflater->msg ? inflater->msg : "zlib error") + "); fetch the file again");
    }
  }
}

}  // namespace proxprop::train
