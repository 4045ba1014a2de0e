#include "train/data/dataset.h"

namespace proxprop::train {
namespace {

DatasetInfo mnist_like(const std::string& name, const std::string& description) {
  return {
      .name = name,
      .description = description,
      .classes = 10,
      .channels = 1,
      .height = 28,
      .width = 28,
      .train_records = 60000,
      .test_records = 10000,
      .default_validation = 5000,
      .files =
          {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
      .format = DatasetFormat::idx,
      .folder = name};
}

DatasetInfo mnist_5k() {
  DatasetInfo info = mnist_like("mnist-5k", "handwritten digits, 5,000 of MNIST's; comes with the program");
  info.train_records = 4000;
  info.test_records = 1000;
  info.default_validation = 500;
  return info;
}

DatasetInfo cifar10() {
  return {
      .name = "cifar10",
      .description = "colour photographs of animals and vehicles",
      .classes = 10,
      .channels = 3,
      .height = 32,
      .width = 32,
      .train_records = 50000,
      .test_records = 10000,
      .default_validation = 5000,
      .files =
          {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin",
           "test_batch.bin"},
      .format = DatasetFormat::cifar10,
      .folder = "cifar-10-batches-bin"};
}

DatasetInfo cifar100() {
  DatasetInfo info = cifar10();
  info.name = "cifar100";
  info.description = "colour photographs of 100 kinds of things";
  info.classes = 100;
  info.files = {"train.bin", "test.bin"};
  info.format = DatasetFormat::cifar100;
  info.folder = "cifar-100-binary";
  return info;
}

DatasetInfo synthetic() {
  return {
      .name = "synthetic",
      .description = "generated: a prototype image for each class plus noise",
      .classes = 10,
      .channels = 3,
      .height = 32,
      .width = 32,
      .train_records = 4500,
      .test_records = 1000,
      .default_validation = 500,
      .files = {},
      .format = DatasetFormat::generated,
      .folder = ""};
}

}  // namespace

const std::vector<DatasetInfo>& known_datasets() {
  static const std::vector<DatasetInfo> catalogue = {
      mnist_5k(),
      mnist_like("mnist", "handwritten digits"),
      mnist_like("fashion-mnist", "articles of clothing"),
      cifar10(),
      cifar100(),
      synthetic()};
  return catalogue;
}

const DatasetInfo& dataset_info(const std::string& name) {
  std::string names;
  for (const DatasetInfo& info : known_datasets()) {
    if (info.name == name) {
      return info;
    }
    names += (names.empty() ? "" : ", ") + info.name;
  }
  throw DataError("there is no data set \"" + name + "\"; choose one of " + names);
}

}  // namespace proxprop::train
