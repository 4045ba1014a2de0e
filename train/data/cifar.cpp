#include "train/data/cifar.h"

#include "train/data/data_error.h"
#include "train/data/file.h"
#include "train/data/labels.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>

#include <string>

namespace proxprop::train {
namespace {

constexpr int64_t kChannels = 3, kSide = 32, kPixels = kChannels * kSide * kSide;
constexpr int64_t kMostBytes = int64_t{1} << 30;

/// The label bytes in front of each record: how many classes each counts. The last one is the label.
using LabelBytes = std::vector<int64_t>;

LabelledImages read_one(const std::filesystem::path& file, const LabelBytes& label_bytes, int64_t records_expected) {
  std::vector<uint8_t> bytes = read_file(file, kMostBytes);
  const int64_t record_bytes = static_cast<int64_t>(label_bytes.size()) + kPixels;
  const auto found = static_cast<int64_t>(bytes.size());
  const int64_t records = records_expected > 0 ? records_expected : found / record_bytes;
  if (found == 0 || found != records * record_bytes) {
    const std::string count = records_expected > 0 ? std::to_string(records_expected) : "a whole number of";
    throw DataError(
        file.string() + ": expected " + count + " records of " + std::to_string(record_bytes) + " bytes" +
        (records_expected > 0 ? " (" + std::to_string(records * record_bytes) + " bytes)" : "") + ", found " +
        std::to_string(found) + " bytes; the file is truncated or not a CIFAR file, fetch the data set again");
  }
  const at::Tensor table = at::from_blob(bytes.data(), {records, record_bytes}, at::kByte);
  LabelledImages result;
  for (size_t column = 0; column < label_bytes.size(); ++column) {
    result.labels = checked_labels(table.select(1, static_cast<int64_t>(column)), label_bytes[column], file.string());
  }
  result.images = table.narrow(1, record_bytes - kPixels, kPixels)
                      .clone(at::MemoryFormat::Contiguous)
                      .view({records, kChannels, kSide, kSide});
  return result;
}

LabelledImages read_all(
    const std::vector<std::filesystem::path>& files, const LabelBytes& label_bytes, int64_t records_per_file) {
  std::vector<at::Tensor> images, labels;
  for (const auto& file : files) {
    LabelledImages part = read_one(file, label_bytes, records_per_file);
    images.push_back(std::move(part.images));
    labels.push_back(std::move(part.labels));
  }
  if (images.size() == 1) {
    return {images.front(), labels.front()};
  }
  return {at::cat(images), at::cat(labels)};
}

}  // namespace

LabelledImages read_cifar10(const std::vector<std::filesystem::path>& files, int64_t records_per_file) {
  return read_all(files, {10}, records_per_file);
}

LabelledImages read_cifar100(const std::vector<std::filesystem::path>& files, int64_t records_per_file) {
  return read_all(files, {20, 100}, records_per_file);
}

}  // namespace proxprop::train
