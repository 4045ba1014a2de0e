#include "train/errors.h"
#include "train/records/posix_file.h"
#include "train/safetensors.h"
#include "train/safetensors_dtype.h"

#include <ATen/ops/empty.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>
#include <vector>

namespace proxprop::train {
namespace {

using Header = nlohmann::json;

constexpr uint64_t kLargestHeader = 100'000'000;  // the limit of the format's reference implementation
constexpr size_t kMostDimensions = 64;            // torch's own limit

struct Entry {
  std::string name;
  at::ScalarType type = at::ScalarType::Undefined;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;
};

class Reader {
 public:
  Reader(std::string_view bytes, std::string origin) : bytes_(bytes), origin_(std::move(origin)) {}

  Safetensors read() {
    const Header header = read_header();
    Safetensors content;
    std::vector<Entry> entries;
    for (const auto& [name, value] : header.items()) {
      if (name == "__metadata__") {
        content.metadata = read_metadata(value);
      } else {
        entries.push_back(read_entry(name, value));
      }
    }
    check_layout(entries);
    for (const Entry& entry : entries)
      content.tensors.emplace(entry.name, copy_data(entry));
    return content;
  }

 private:
  template <class... Parts>
  void check(bool condition, const Parts&... parts) const {
    require<CheckpointError>(condition, origin_, ": ", parts...);
  }

  Header read_header() {
    uint64_t length = 0;
    check(bytes_.size() >= sizeof(length), "too short for a safetensors file (", bytes_.size(), " bytes)");
    std::memcpy(&length, bytes_.data(), sizeof(length));
    check(
        length <= kLargestHeader, "its header would have ", length, " bytes, more than the format allows (",
        kLargestHeader, "); not a safetensors file");
    check(
        length <= bytes_.size() - sizeof(length), "cut off: the header has ", length, " bytes, the file ",
        bytes_.size());
    const std::string_view text = bytes_.substr(sizeof(length), length);
    data_ = bytes_.substr(sizeof(length) + length);
    check(text.starts_with('{'), "its header does not begin with '{'; not a safetensors file");
    return parse(text);
  }

  // A valid header is at most three levels deep, and a name that stands twice would hide a tensor.
  Header parse(std::string_view text) const {
    using Event = Header::parse_event_t;
    std::vector<std::set<std::string>> names;
    const auto inspect = [&](int depth, Event event, Header& value) {
      check(depth <= 3, "its header is nested too deeply");
      if (event == Event::object_start)
        names.emplace_back();
      if (event == Event::object_end)
        names.pop_back();
      if (event == Event::key) {
        const auto& name = value.get_ref<const std::string&>();
        check(names.back().insert(name).second, "its header names ", name, " twice");
      }
      return true;
    };
    Header header = Header::parse(text, inspect, false);
    check(!header.is_discarded() && header.is_object(), "its header is not a JSON object");
    return header;
  }

  std::map<std::string, std::string> read_metadata(const Header& value) const {
    std::map<std::string, std::string> metadata;
    check(value.is_object(), "__metadata__ is not an object");
    for (const auto& [key, text] : value.items()) {
      check(text.is_string(), "__metadata__: the value of ", key, " is not a string");
      metadata.emplace(key, text.get<std::string>());
    }
    return metadata;
  }

  Entry read_entry(const std::string& name, const Header& value) const {
    const bool complete = value.is_object() && value.size() == 3 && value.contains("dtype") &&
                          value.contains("shape") && value.contains("data_offsets");
    check(complete, "tensor ", name, " must have dtype, shape and data_offsets, and nothing else");
    Entry entry;
    entry.name = name;
    check(value["dtype"].is_string(), "tensor ", name, ": dtype is not a string");
    const auto type = scalar_type_of(value["dtype"].get_ref<const std::string&>());
    check(type.has_value(), "tensor ", name, ": unknown dtype ", value["dtype"]);
    entry.type = *type;
    read_shape(entry, value["shape"]);
    read_offsets(entry, value["data_offsets"]);
    return entry;
  }

  void read_shape(Entry& entry, const Header& shape) const {
    check(
        shape.is_array() && shape.size() <= kMostDimensions, "tensor ", entry.name, ": shape is not a list of at most ",
        kMostDimensions, " sizes");
    int64_t strides = 1;  // of an imagined leading dimension; must not overflow even where a size is 0
    for (const Header& size : shape) {
      check(
          size.is_number_unsigned() && size.get<uint64_t>() <= INT64_MAX, "tensor ", entry.name,
          ": the sizes must be non-negative integers, got ", size);
      entry.shape.push_back(size.get<int64_t>());
      check(
          !__builtin_mul_overflow(strides, std::max<int64_t>(entry.shape.back(), 1), &strides), "tensor ", entry.name,
          ": the shape is too large");
    }
  }

  void read_offsets(Entry& entry, const Header& offsets) const {
    const bool two =
        offsets.is_array() && offsets.size() == 2 && offsets[0].is_number_unsigned() && offsets[1].is_number_unsigned();
    check(two, "tensor ", entry.name, ": data_offsets must be two non-negative integers");
    entry.begin = offsets[0].get<uint64_t>();
    entry.end = offsets[1].get<uint64_t>();
    check(
        entry.begin <= entry.end && entry.end <= data_.size(), "tensor ", entry.name, ": data_offsets [", entry.begin,
        ", ", entry.end, "] do not lie in the ", data_.size(), " bytes of data; the file is cut off or corrupt");
    uint64_t numel = 1, size = 0;
    for (const int64_t extent : entry.shape)
      numel *= static_cast<uint64_t>(extent);
    const bool overflow = __builtin_mul_overflow(numel, c10::elementSize(entry.type), &size);
    check(
        !overflow && size == entry.end - entry.begin, "tensor ", entry.name, ": data_offsets span ",
        entry.end - entry.begin, " bytes, dtype and shape need ", overflow ? "more" : std::to_string(size));
  }

  // Every byte of data belongs to exactly one tensor.
  void check_layout(std::vector<Entry>& entries) const {
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    uint64_t position = 0;
    for (const Entry& entry : entries) {
      check(entry.begin >= position, "tensor ", entry.name, " overlaps the one before it");
      check(entry.begin == position, "there are ", entry.begin - position, " unused bytes before tensor ", entry.name);
      position = entry.end;
    }
    check(position == data_.size(), "there are ", data_.size() - position, " unused bytes at the end");
  }

  at::Tensor copy_data(const Entry& entry) const {
    at::Tensor tensor = at::empty(entry.shape, entry.type);
    if (entry.end > entry.begin)
      std::memcpy(tensor.mutable_data_ptr(), data_.data() + entry.begin, entry.end - entry.begin);
    return tensor;
  }

  std::string_view bytes_;
  std::string origin_;
  std::string_view data_;
};

}  // namespace

Safetensors parse_safetensors(std::string_view bytes, const std::string& origin) {
  return Reader(bytes, origin).read();
}

Safetensors load_safetensors(const std::filesystem::path& path) {
  return parse_safetensors(read_file(path), path.string());
}

}  // namespace proxprop::train
