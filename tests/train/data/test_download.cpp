#include "train/data/download.h"

#include "support/bytes.h"
#include "support/http_server.h"
#include "tests/train/temporary_folder.h"
#include "support/throws_data_error.h"

#include <gtest/gtest.h>

namespace proxprop::train::testing {
namespace {

namespace fs = std::filesystem;

/// A server with one file of 300,000 bytes, and an empty folder to download it to.
class DownloadFile : public ::testing::Test {
 protected:
  DownloadFile() {
    write_bytes(server_.folder() / "file", content_);
    checksum_ = {ChecksumAlgorithm::sha256, file_checksum(server_.folder() / "file", ChecksumAlgorithm::sha256)};
  }
  void download(const std::string& path, const FetchCallback& progress = {}) {
    download_file(server_.url(path), checksum_, file_, progress);
  }
  void write_part(size_t bytes) {
    write_bytes(part_, Bytes(content_.begin(), content_.begin() + static_cast<long>(bytes)));
  }
  void expect_only_the_file() {
    EXPECT_EQ(read_bytes(file_), content_);
    EXPECT_FALSE(fs::exists(part_));
  }

  HttpServer server_;
  TemporaryFolder folder_;
  fs::path file_ = folder_ / "file", part_ = folder_ / "file.part";
  Bytes content_ = noise_bytes(300'000, 5);
  Checksum checksum_;
};

TEST_F(DownloadFile, BringsTheWholeFile) {
  download("plain/file");
  expect_only_the_file();
}

TEST_F(DownloadFile, TellsHowFarItIs) {
  std::vector<FetchProgress> told;
  download("plain/file", [&](const FetchProgress& progress) { told.push_back(progress); });
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back().file, "file");
  EXPECT_EQ(told.back().done, 300'000);
  EXPECT_EQ(told.back().total, 300'000);
  for (size_t i = 1; i < told.size(); ++i) {
    EXPECT_GE(told[i].done, told[i - 1].done);
  }
}

TEST_F(DownloadFile, FollowsRedirections) {
  download("moved/file");
  expect_only_the_file();
}

TEST_F(DownloadFile, GoesOnAfterEachCut) {
  download("cut/120000/file");
  expect_only_the_file();
  EXPECT_EQ(
      server_.requests(),
      (std::vector<std::string>{
          "/cut/120000/file -", "/cut/120000/file bytes=120000-", "/cut/120000/file bytes=240000-"}));
}

TEST_F(DownloadFile, ResumesWhatAnEarlierTryLeft) {
  write_part(250'000);
  int64_t first_told = -1;
  download("plain/file", [&](const FetchProgress& progress) {
    if (first_told < 0)
      first_told = progress.done;
  });
  expect_only_the_file();
  EXPECT_EQ(server_.requests(), (std::vector<std::string>{"/plain/file bytes=250000-"}));
  EXPECT_GE(first_told, 250'000);
}

TEST_F(DownloadFile, StartsAgainWhereTheServerKnowsNoRanges) {
  write_part(1000);
  download("norange/file");
  expect_only_the_file();
}

TEST_F(DownloadFile, StartsAgainWhenTheServerSendsAnotherRange) {
  write_part(1000);
  download("wrongrange/file");
  expect_only_the_file();
}

TEST_F(DownloadFile, StartsAgainWhenTheRestIsOfAnotherFile) {
  write_bytes(part_, Bytes(1000, 7));
  download("plain/file");
  expect_only_the_file();
  EXPECT_EQ(server_.requests().size(), 2u);
}

TEST_F(DownloadFile, StartsAgainWhenThePartIsLongerThanTheFile) {
  write_bytes(part_, Bytes(400'000, 7));
  download("plain/file");
  expect_only_the_file();
}

TEST_F(DownloadFile, ACompletePartNeedsNoServer) {
  write_part(content_.size());
  server_.stop();
  download("plain/file");
  expect_only_the_file();
}

TEST_F(DownloadFile, ARightFileNeedsNoServer) {
  write_bytes(file_, content_);
  server_.stop();
  download("plain/file");
  expect_only_the_file();
}

TEST_F(DownloadFile, AWrongFileIsReplaced) {
  write_text(file_, "something else");
  download("plain/file");
  expect_only_the_file();
}

TEST_F(DownloadFile, WrongChecksumLeavesNothing) {
  const std::string found = checksum_.hex;
  checksum_.hex = std::string(64, '0');
  EXPECT_TRUE(throws_data_error([&] { download("plain/file"); }, {file_.string(), "SHA-256", checksum_.hex, found}));
  EXPECT_TRUE(folder_.is_empty());
}

TEST_F(DownloadFile, WrongChecksumLeavesAnOldFileAlone) {
  write_text(file_, "old");
  checksum_.hex = std::string(64, '0');
  EXPECT_TRUE(throws_data_error([&] { download("plain/file"); }, {"SHA-256"}));
  EXPECT_EQ(read_bytes(file_), (Bytes{'o', 'l', 'd'}));
  EXPECT_FALSE(fs::exists(part_));
}

TEST_F(DownloadFile, NotFoundLeavesNothing) {
  EXPECT_TRUE(throws_data_error(
      [&] { download("plain/nothing"); }, {server_.url("plain/nothing"), "404", "check the address"}));
  EXPECT_TRUE(folder_.is_empty());
}

TEST_F(DownloadFile, NoServerLeavesNothing) {
  server_.stop();
  EXPECT_TRUE(throws_data_error([&] { download("plain/file"); }, {server_.url("plain/file"), "check the network"}));
  EXPECT_TRUE(folder_.is_empty());
}

TEST_F(DownloadFile, AServerThatGoesAwayLeavesAPartToResume) {
  const auto stop_after_some = [&](const FetchProgress& progress) {
    if (progress.done > 0)
      server_.stop();
  };
  EXPECT_TRUE(throws_data_error([&] { download("cut/100000/file", stop_after_some); }, {"run the command again"}));
  EXPECT_FALSE(fs::exists(file_));
  const auto left = fs::file_size(part_);
  EXPECT_GT(left, 0u);

  const HttpServer again;
  write_bytes(again.folder() / "file", content_);
  download_file(again.url("plain/file"), checksum_, file_);
  expect_only_the_file();
  EXPECT_EQ(again.requests(), (std::vector<std::string>{"/plain/file bytes=" + std::to_string(left) + "-"}));
}

TEST_F(DownloadFile, TheCallbackMayGiveUp) {
  struct Stop {};
  EXPECT_THROW(
      download(
          "cut/100000/file",
          [](const FetchProgress& progress) {
            if (progress.done > 0)
              throw Stop();
          }),
      Stop);
  EXPECT_FALSE(fs::exists(file_));
  EXPECT_GT(fs::file_size(part_), 0u);
}

TEST_F(DownloadFile, RefusesMoreThanTheLimit) {
  EXPECT_TRUE(throws_data_error(
      [&] { download_file(server_.url("endless/file"), checksum_, file_, {}, 1'000'000); }, {"at most 1000000 bytes"}));
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(DownloadFile, RefusesOtherProtocols) {
  const std::string url = "file://" + (server_.folder() / "file").string();
  EXPECT_TRUE(throws_data_error([&] { download_file(url, checksum_, file_); }, {url}));
  EXPECT_TRUE(folder_.is_empty());
}

}  // namespace
}  // namespace proxprop::train::testing
