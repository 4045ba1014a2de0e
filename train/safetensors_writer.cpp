#include "train/errors.h"
#include "train/records/atomic_file.h"
#include "train/safetensors.h"
#include "train/safetensors_dtype.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace proxprop::train {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are stored as they lie in memory");

struct Entry {
  std::string name;
  at::Tensor tensor;  // CPU, contiguous
};

std::vector<Entry> ordered_entries(const TensorMap& tensors) {
  std::vector<Entry> entries;
  for (const auto& [name, tensor] : tensors) {
    require<CheckpointError>(name != "__metadata__", "a tensor cannot be called __metadata__ in a safetensors file");
    require<CheckpointError>(
        !safetensors_dtype(tensor.scalar_type()).empty(), "tensor ", name, " has type ", tensor.scalar_type(),
        ", which a safetensors file cannot hold");
    entries.push_back({name, tensor.detach().cpu().contiguous()});
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.tensor.element_size() > b.tensor.element_size();
  });
  return entries;
}

std::string header_text(const std::vector<Entry>& entries, const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty())
    header["__metadata__"] = metadata;
  size_t offset = 0;
  for (const Entry& entry : entries) {
    const size_t end = offset + entry.tensor.nbytes();
    header[entry.name] = {
        {"dtype", safetensors_dtype(entry.tensor.scalar_type())},
        {"shape", entry.tensor.sizes().vec()},
        {"data_offsets", {offset, end}}};
    offset = end;
  }
  try {
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    return text;
  } catch (const nlohmann::json::type_error&) {
    throw CheckpointError("a name in a safetensors file is not valid UTF-8");
  }
}

}  // namespace

std::string to_safetensors(const Safetensors& content) {
  const std::vector<Entry> entries = ordered_entries(content.tensors);
  const std::string header = header_text(entries, content.metadata);
  size_t size = sizeof(uint64_t) + header.size();
  for (const Entry& entry : entries)
    size += entry.tensor.nbytes();

  std::string bytes;
  bytes.reserve(size);
  const uint64_t length = header.size();
  bytes.append(reinterpret_cast<const char*>(&length), sizeof(length));
  bytes += header;
  for (const Entry& entry : entries) {
    if (entry.tensor.nbytes() > 0)
      bytes.append(static_cast<const char*>(entry.tensor.const_data_ptr()), entry.tensor.nbytes());
  }
  return bytes;
}

void save_safetensors(const std::filesystem::path& path, const Safetensors& content) {
  write_file_atomically(path, to_safetensors(content));
}

}  // namespace proxprop::train
