#include "train/data/fetch.h"

#include "train/data/dataset.h"
#include "train/data/folder_lock.h"

#include "support/bytes.h"
#include "support/http_server.h"
#include "support/tar_gz.h"
#include "tests/train/temporary_folder.h"
#include "support/throws_data_error.h"

#include <gtest/gtest.h>

namespace proxprop::train::testing {
namespace {

namespace fs = std::filesystem;

class Fetch : public ::testing::Test {
 protected:
  /// The download of a file that the server offers.
  Download offered(const std::string& name, const fs::path& destination, bool archive) const {
    return {
        server_.url("plain/" + name),
        {ChecksumAlgorithm::md5, file_checksum(server_.folder() / name, ChecksumAlgorithm::md5)},
        archive,
        destination};
  }
  Download offered_archive(const std::vector<TarEntry>& entries) const {
    write_tar_gz(server_.folder() / "set.tar.gz", entries);
    return offered("set.tar.gz", "set", true);
  }
  static std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  HttpServer server_;
  TemporaryFolder folder_;
  const std::vector<TarEntry> good_ = {{"set/a", "first"}, {"set/b", "second"}};
};

TEST_F(Fetch, PutsAFileIntoItsFolder) {
  write_text(server_.folder() / "digits.gz", "digits");
  fetch(offered("digits.gz", "mnist/digits.gz", false), folder_ / "new");
  EXPECT_EQ(names_in(folder_ / "new/mnist"), (std::vector<std::string>{"digits.gz"}));
}

TEST_F(Fetch, UnpacksAnArchiveAndRemovesIt) {
  fetch(offered_archive(good_), folder_.path());
  EXPECT_EQ(names_in(folder_.path()), (std::vector<std::string>{"set"}));
  EXPECT_EQ(read_bytes(folder_ / "set/a"), (Bytes{'f', 'i', 'r', 's', 't'}));
}

TEST_F(Fetch, AFolderThatIsThereNeedsNoServer) {
  const Download download = offered_archive(good_);
  fetch(download, folder_.path());
  server_.stop();
  fetch(download, folder_.path());
}

TEST_F(Fetch, AFolderThatIsNotWholeIsCompletedAndForeignFilesStay) {
  Download download = offered_archive(good_);
  download.files = {{"a", 5}, {"b", 6}};
  fetch(download, folder_.path());
  write_text(folder_ / "set/a", "fir");
  fs::remove(folder_ / "set/b");
  write_text(folder_ / "set/notes", "mine");
  fetch(download, folder_.path());
  EXPECT_EQ(fs::file_size(folder_ / "set/a"), 5u);
  EXPECT_EQ(fs::file_size(folder_ / "set/b"), 6u);
  EXPECT_EQ(fs::file_size(folder_ / "set/notes"), 4u);
  EXPECT_EQ(names_in(folder_.path()), (std::vector<std::string>{"set"}));
  server_.stop();
  fetch(download, folder_.path());
}

TEST_F(Fetch, ATornFolderStaysAsItIsWhereNothingCanBeFetched) {
  Download download = offered_archive(good_);
  download.files = {{"a", 5}, {"b", 6}};
  write_text(folder_ / "set/a", "first");
  server_.stop();
  EXPECT_TRUE(throws_data_error([&] { fetch(download, folder_.path()); }, {"set.tar.gz"}));
  EXPECT_EQ(fs::file_size(folder_ / "set/a"), 5u);
}

TEST_F(Fetch, AnArchivePutThereByHandNeedsNoServerAndIsKept) {
  const Download download = offered_archive(good_);
  fs::copy(server_.folder() / "set.tar.gz", folder_ / "set.tar.gz");
  server_.stop();
  fetch(download, folder_.path());
  EXPECT_TRUE(fs::exists(folder_ / "set/b"));
  EXPECT_TRUE(fs::exists(folder_ / "set.tar.gz"));
}

TEST_F(Fetch, ABadArchiveIsNotUnpacked) {
  const Download download = offered_archive({{"set/a", "good"}, {"../evil", "bad"}});
  EXPECT_TRUE(throws_data_error([&] { fetch(download, folder_.path()); }, {"../evil"}));
  EXPECT_EQ(names_in(folder_.path()), (std::vector<std::string>{"set.tar.gz"}));
}

TEST_F(Fetch, AWrongChecksumLeavesNothing) {
  Download download = offered_archive(good_);
  download.checksum.hex = std::string(32, '0');
  EXPECT_TRUE(throws_data_error([&] { fetch(download, folder_.path()); }, {"set.tar.gz", "MD5"}));
  EXPECT_TRUE(folder_.is_empty());
}

TEST_F(Fetch, OneAtATimeInAFolder) {
  const Download download = offered_archive(good_);
  const FolderLock other(folder_.path(), "held already");
  EXPECT_TRUE(throws_data_error([&] { fetch(download, folder_.path()); }, {folder_.path().string(), "another fetch"}));
}

TEST_F(Fetch, RefusesAFolderThatCannotBeMade) {
  write_text(folder_ / "file", "in the way");
  EXPECT_TRUE(throws_data_error(
      [&] { fetch(offered_archive(good_), folder_ / "file/sub"); }, {(folder_ / "file/sub").string()}));
}

TEST(OfficialDownloads, GoWhereLoadDatasetLooks) {
  for (const char* name : {"mnist", "fashion-mnist"}) {
    const auto downloads = official_downloads(name);
    ASSERT_EQ(downloads.size(), 4u);
    for (size_t i = 0; i < downloads.size(); ++i) {
      EXPECT_FALSE(downloads[i].archive);
      EXPECT_EQ(downloads[i].destination, fs::path(name) / (dataset_info(name).files[i] + ".gz"));
      EXPECT_EQ(downloads[i].checksum.hex.size(), 32u);
    }
  }
  for (const char* name : {"cifar10", "cifar100"}) {
    const auto downloads = official_downloads(name);
    ASSERT_EQ(downloads.size(), 1u);
    EXPECT_TRUE(downloads[0].archive);
    ASSERT_EQ(downloads[0].files.size(), dataset_info(name).files.size());
    const int64_t record = std::string(name) == "cifar10" ? 3073 : 3074;
    EXPECT_EQ(downloads[0].files.front().bytes, (std::string(name) == "cifar10" ? 10000 : 50000) * record);
    EXPECT_EQ(downloads[0].files.back().bytes, 10000 * record);
    EXPECT_EQ(downloads[0].destination, dataset_info(name).folder);
  }
}

TEST(OfficialDownloads, RefuseDataSetsThatComeWithTheProgram) {
  EXPECT_TRUE(throws_data_error([] { official_downloads("mnist-5k"); }, {"mnist-5k", "comes with the program"}));
  EXPECT_TRUE(throws_data_error([] { official_downloads("synthetic"); }, {"synthetic"}));
  EXPECT_TRUE(throws_data_error([] { official_downloads("imagenet"); }, {"imagenet", "cifar10"}));
}

}  // namespace
}  // namespace proxprop::train::testing
