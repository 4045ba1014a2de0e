#pragma once
// Real CIFAR-10 records for tests, found in $PROXPROP_DATA or beside the repository in ../shared/data.

#include <ATen/ATen.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

namespace proxprop::testing {

/// Pixels [N, 3, 32, 32] float32 in [0, 1] and labels [N], the first `count` records of the first training file;
/// nothing where the data is not there.
inline std::optional<std::pair<at::Tensor, at::Tensor>> cifar_records(int64_t count) {
  constexpr int64_t record_bytes = 1 + 3 * 32 * 32;
  std::vector<std::filesystem::path> folders;
  if (const char* data = std::getenv("PROXPROP_DATA")) {
    folders.emplace_back(data);
  }
  folders.emplace_back(std::filesystem::path(PROXPROP_SOURCE_DIR) / ".." / "shared" / "data");
  for (const auto& folder : folders) {
    std::ifstream file(folder / "cifar-10-batches-bin" / "data_batch_1.bin", std::ios::binary);
    auto bytes = at::empty({count, record_bytes}, at::kByte);
    if (file.read(reinterpret_cast<char*>(bytes.mutable_data_ptr<uint8_t>()), count * record_bytes)) {
      return std::make_pair(
          bytes.narrow(1, 1, record_bytes - 1).to(at::kFloat).div_(255).view({count, 3, 32, 32}),
          bytes.select(1, 0).to(at::kLong));
    }
  }
  return std::nullopt;
}

}  // namespace proxprop::testing
