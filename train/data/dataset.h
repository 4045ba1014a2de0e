#pragma once

#include "train/data/data_error.h"
#include "train/data/labelled_images.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace proxprop::train {

/// A data set: training, validation and test records.
struct Dataset {
  std::string name;
  int64_t classes = 0;
  std::vector<std::string> class_names;  ///< as many as `classes`
  LabelledImages train;
  LabelledImages validation;  ///< may be empty (N = 0)
  LabelledImages test;
};

/// How the records of a data set are stored.
enum class DatasetFormat {
  idx,       ///< four IDX files, plain or gzip-compressed (MNIST's format)
  cifar10,   ///< binary records with one label byte
  cifar100,  ///< binary records with a coarse and a fine label byte; the fine one is used
  generated  ///< no files
};

/// Which data sets there are and how they look; for `info` and for messages.
struct DatasetInfo {
  std::string name;
  std::string description;
  int64_t classes, channels, height, width, train_records, test_records, default_validation;
  std::vector<std::string> files;  ///< names that load_dataset looks for, relative to the folder; IDX ones without .gz
  DatasetFormat format;
  std::string folder;  ///< sub-folder of a data folder in which the files are looked for first
};
const std::vector<DatasetInfo>& known_datasets();

/// The entry of known_datasets() called `name`. Throws DataError, which lists the names, when there is none.
const DatasetInfo& dataset_info(const std::string& name);

/// Reads a data set. `dir` empty: $PROXPROP_DATA, then the folder of the embedded data set (mnist-5k only).
/// Files may lie in `dir` itself or in the sub-folder that the official archive unpacks to (e.g.
/// cifar-10-batches-bin/). IDX files may be gzip-compressed (.gz). `train_size` and `validation_size` as in DataConfig:
/// the first records of the training files train, the last ones validate (the paper's split of CIFAR-10: 45,000 /
/// 5,000). The three parts share storage where they come from the same files. Throws DataError.
///
///     Dataset digits = load_dataset("mnist-5k", {}, 0, -1);   // 3,500 / 500 / 1,000 records
Dataset load_dataset(
    const std::string& name, const std::filesystem::path& dir, int64_t train_size, int64_t validation_size);

/// Where the files of `name` are found under `dir` (same rule as load_dataset); empty when they are not there, and for
/// `synthetic`, which has none. Throws DataError when there is no such data set.
///
/// MNIST, Fashion-MNIST and mnist-5k use the same file names, so a folder that is named after another data set is
/// passed over, and mnist-5k is never taken from the top of $PROXPROP_DATA.
std::filesystem::path find_dataset(const std::string& name, const std::filesystem::path& dir);

}  // namespace proxprop::train
