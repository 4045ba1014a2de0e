// Where the data sets' files are, as their authors (for MNIST: the PyTorch project, since the authors' own server is
// often closed) offer them, with the checksums that are published for them.

#include "train/data/dataset.h"
#include "train/data/fetch.h"

#include <array>

namespace proxprop::train {
namespace {

constexpr const char* kMnist = "https://ossci-datasets.s3.amazonaws.com/mnist/";
constexpr const char* kFashionMnist = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/";
constexpr const char* kCifar = "https://www.cs.toronto.edu/~kriz/";

/// MD5 sums in the order of the data set's files.
using FourSums = std::array<const char*, 4>;

constexpr FourSums kMnistSums = {
    "f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432", "9fb629c4189551a2d022fa330f9573f3",
    "ec29112dd5afa0611ce80d1b7f02629c"};
constexpr FourSums kFashionMnistSums = {
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe", "bef4ecab320f06d8554ea6380940ec79",
    "bb300cfdad3c16e7a12a480ee83cd310"};

Checksum md5(const char* hex) {
  return {ChecksumAlgorithm::md5, hex};
}

std::vector<Download> idx_files(const DatasetInfo& info, const std::string& base, const FourSums& sums) {
  std::vector<Download> downloads;
  for (size_t i = 0; i < sums.size(); ++i) {
    const std::string name = info.files[i] + ".gz";
    downloads.push_back({base + name, md5(sums[i]), false, std::filesystem::path(info.folder) / name});
  }
  return downloads;
}

Download cifar_archive(const DatasetInfo& info, const char* file, const char* sum) {
  const bool fine = info.format == DatasetFormat::cifar100;
  const int64_t record_bytes = (fine ? 2 : 1) + info.channels * info.height * info.width;
  const auto train_files = static_cast<int64_t>(info.files.size()) - 1;
  Download download{std::string(kCifar) + file, md5(sum), true, info.folder};
  for (const std::string& name : info.files) {
    const int64_t records = name == info.files.back() ? info.test_records : info.train_records / train_files;
    download.files.push_back({name, records * record_bytes});
  }
  return download;
}

}  // namespace

std::vector<Download> official_downloads(const std::string& name) {
  const DatasetInfo& info = dataset_info(name);
  if (name == "mnist") {
    return idx_files(info, kMnist, kMnistSums);
  }
  if (name == "fashion-mnist") {
    return idx_files(info, kFashionMnist, kFashionMnistSums);
  }
  if (name == "cifar10") {
    return {cifar_archive(info, "cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530")};
  }
  if (name == "cifar100") {
    return {cifar_archive(info, "cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8")};
  }
  throw DataError(name + ": nothing is to be fetched, this data set comes with the program; use it by its name");
}

std::filesystem::path fetch_dataset(
    const std::string& name, const std::filesystem::path& dir, const FetchCallback& progress) {
  for (const Download& download : official_downloads(name)) {
    fetch(download, dir, progress);
  }
  return dir / dataset_info(name).folder;
}

}  // namespace proxprop::train
