#include "train/data/dataset.h"

#include "train/data/cifar.h"
#include "train/data/idx.h"
#include "train/data/labels.h"
#include "train/data/locate.h"
#include "train/data/synthetic.h"

#include <system_error>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kFashionNames = {"T-shirt/top", "trouser", "pullover", "dress", "coat",
                                                "sandal",      "shirt",   "sneaker",  "bag",   "ankle boot"};

/// Training and test records before the split, with the names of the classes.
struct Files {
  LabelledImages train, test;
  std::vector<std::string> class_names;
};

void check_records(int64_t found, int64_t expected, const fs::path& file) {
  if (found != expected) {
    throw DataError(
        file.string() + ": expected " + std::to_string(expected) + " records, found " + std::to_string(found) +
        "; the file is of another data set, name the right folder or fetch the data set");
  }
}

LabelledImages read_idx_pair(
    const DatasetInfo& info, const fs::path& images_file, const fs::path& labels_file, int64_t records) {
  LabelledImages result{read_idx_images(images_file), read_idx_labels(labels_file, info.classes)};
  check_records(result.images.size(0), records, images_file);
  check_records(result.labels.size(0), records, labels_file);
  if (result.images.size(2) != info.height || result.images.size(3) != info.width) {
    throw DataError(
        images_file.string() + ": expected images of " + std::to_string(info.height) + "x" +
        std::to_string(info.width) + ", found " + std::to_string(result.images.size(2)) + "x" +
        std::to_string(result.images.size(3)) + "; fetch the data set again");
  }
  return result;
}

Files read_idx_files(const DatasetInfo& info, const fs::path& folder) {
  const auto file = [&](size_t i) { return plain_or_gzip(folder, info.files[i]); };
  return {
      read_idx_pair(info, file(0), file(1), info.train_records),
      read_idx_pair(info, file(2), file(3), info.test_records),
      info.name == "fashion-mnist" ? kFashionNames : numbered_class_names(info.classes)};
}

/// The names that lie beside the records; the records can be used without.
std::vector<std::string> names_or_numbers(const fs::path& file, int64_t classes) {
  std::error_code ignored;
  return fs::exists(file, ignored) ? read_class_names(file, classes) : numbered_class_names(classes);
}

Files read_cifar_files(const DatasetInfo& info, const fs::path& folder) {
  const bool fine = info.format == DatasetFormat::cifar100;
  const auto read = fine ? read_cifar100 : read_cifar10;
  std::vector<fs::path> train_files;
  for (const std::string& name : info.files) {
    train_files.push_back(folder / name);
  }
  const fs::path test_file = train_files.back();
  train_files.pop_back();
  return {
      read(train_files, info.train_records / static_cast<int64_t>(train_files.size())),
      read({test_file}, info.test_records),
      names_or_numbers(folder / (fine ? "fine_label_names.txt" : "batches.meta.txt"), info.classes)};
}

Files generate(const DatasetInfo& info) {
  SyntheticOptions options;
  options.classes = info.classes;
  options.channels = info.channels;
  options.height = info.height;
  options.width = info.width;
  return {
      make_synthetic(options, info.train_records, 0), make_synthetic(options, info.test_records, 1),
      numbered_class_names(info.classes)};
}

Files read_files(const DatasetInfo& info, const fs::path& dir) {
  switch (info.format) {
    case DatasetFormat::idx: return read_idx_files(info, locate_dataset(info, dir));
    case DatasetFormat::cifar10:
    case DatasetFormat::cifar100: return read_cifar_files(info, locate_dataset(info, dir));
    case DatasetFormat::generated: break;
  }
  return generate(info);
}

LabelledImages narrow(const LabelledImages& all, int64_t first, int64_t records) {
  return {all.images.narrow(0, first, records), all.labels.narrow(0, first, records)};
}

/// The first records train, the last ones validate.
void split(
    Dataset& dataset, const LabelledImages& all, const DatasetInfo& info, int64_t train_size, int64_t validation_size) {
  const int64_t records = all.records();
  const int64_t validation = validation_size < 0 ? info.default_validation : validation_size;
  const int64_t train = train_size == 0 ? records - validation : train_size;
  if (train < 1 || validation > records - train) {
    throw DataError(
        info.name + ": train_size " + std::to_string(train_size) + " and validation_size " +
        std::to_string(validation) + (validation_size < 0 ? " (the default)" : "") + " do not fit into the " +
        std::to_string(records) + " training records; choose at least 1 training record and at most " +
        std::to_string(records) + " in both");
  }
  dataset.train = narrow(all, 0, train);
  dataset.validation = narrow(all, records - validation, validation);
}

}  // namespace

Dataset load_dataset(const std::string& name, const fs::path& dir, int64_t train_size, int64_t validation_size) {
  const DatasetInfo& info = dataset_info(name);
  Files files = read_files(info, dir);
  Dataset dataset;
  dataset.name = info.name;
  dataset.classes = info.classes;
  dataset.class_names = std::move(files.class_names);
  dataset.test = std::move(files.test);
  split(dataset, files.train, info, train_size, validation_size);
  return dataset;
}

}  // namespace proxprop::train
