#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/targets.h"
#include "train/checkpoint.h"
#include "train/checkpoint_file.h"
#include "train/errors.h"
#include "train/records/record_error.h"
#include "train/safetensors.h"

#include <cstring>
#include <optional>

namespace proxprop::fuzz {
namespace {

using train::Safetensors;

std::optional<Safetensors> parse(std::string_view bytes) {
  try {
    return train::parse_safetensors(bytes, "input");
  } catch (const train::CheckpointError&) {
    return std::nullopt;
  }
}

// Bytes, since NaN is not equal to itself.
bool same(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() &&
         (a.nbytes() == 0 || std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0);
}

}  // namespace

void read_safetensors_target(std::string_view bytes) {
  const auto content = parse(bytes);
  if (!content)
    return;
  size_t size = 0;
  for (const auto& [name, tensor] : content->tensors)
    size += tensor.nbytes();
  check_law(size <= bytes.size(), "tensors take no more memory than the file");

  const auto again = parse(train::to_safetensors(*content));
  check_law(again.has_value(), "what was read can be written and read again");
  check_law(again->metadata == content->metadata, "metadata come back");
  check_law(again->tensors.size() == content->tensors.size(), "all tensors come back");
  for (const auto& [name, tensor] : content->tensors)
    check_law(same(again->tensors.at(name), tensor), "tensors come back bit by bit");
}

void read_checkpoint_target(std::string_view bytes) {
  try {
    train::parse_checksummed_safetensors(bytes, "input");
  } catch (const train::CheckpointError&) {
  }
  // A digest is no secret: whoever makes a hostile file gives it the right one.
  auto content = parse(bytes);
  if (!content)
    return;
  content->metadata.erase("sha256");
  const MemoryFile file(train::to_checksummed_safetensors(std::move(*content)));
  try {
    const train::Checkpoint checkpoint = train::load_checkpoint(file.path());
    check_law(checkpoint.step >= 0, "a checkpoint's step is not negative");
  } catch (const train::CheckpointError&) {
  }
}

}  // namespace proxprop::fuzz
