#include "train/data/unpack.h"

#include "support/bytes.h"
#include "support/tar_gz.h"
#include "tests/train/temporary_folder.h"
#include "support/throws_data_error.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace proxprop::train::testing {
namespace {

namespace fs = std::filesystem;
using Kind = TarEntry::Kind;

/// An archive, and an empty folder that it is to be unpacked into as "set".
class Unpack : public ::testing::Test {
 protected:
  void unpack(const std::vector<TarEntry>& entries) {
    write_tar_gz(archive_, entries);
    unpack_tar_gz(archive_, destination_);
  }
  ::testing::AssertionResult refuses(const std::vector<TarEntry>& entries, std::vector<std::string> parts) {
    parts.push_back(archive_.string());
    return throws_data_error([&] { unpack(entries); }, parts);
  }

  TemporaryFolder archive_folder_, folder_;
  fs::path archive_ = archive_folder_ / "set.tar.gz", destination_ = folder_ / "set";
  const std::vector<TarEntry> good_ = {{"set/", "", Kind::folder}, {"set/a", "first"}, {"./set/inner/b", "second"}};
};

TEST_F(Unpack, PutsTheFolderInPlace) {
  unpack(good_);
  EXPECT_EQ(read_bytes(destination_ / "a"), (Bytes{'f', 'i', 'r', 's', 't'}));
  EXPECT_EQ(read_bytes(destination_ / "inner/b"), (Bytes{'s', 'e', 'c', 'o', 'n', 'd'}));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()), 1);
}

TEST_F(Unpack, RefusesPathsThatEscape) {
  for (const char* path : {"../evil", "set/../../evil", "/evil", "set/.."}) {
    EXPECT_TRUE(refuses({{"set/a", "good"}, {path, "bad"}}, {path, "outside"}));
    EXPECT_TRUE(folder_.is_empty()) << path;
    EXPECT_FALSE(fs::exists(folder_.path().parent_path() / "evil"));
  }
}

TEST_F(Unpack, RefusesLinks) {
  for (const Kind kind : {Kind::symbolic_link, Kind::hard_link}) {
    EXPECT_TRUE(refuses({{"set/a", "good"}, {"set/link", "set/a", kind}, {"set/link/b", "bad"}}, {"set/link", "link"}));
    EXPECT_TRUE(folder_.is_empty());
  }
}

TEST_F(Unpack, RefusesOtherTopFolders) {
  EXPECT_TRUE(refuses({{"set/a", "good"}, {"other/b", "bad"}}, {"set/", "other/b"}));
  EXPECT_TRUE(folder_.is_empty());
}

TEST_F(Unpack, RefusesTheSameFileTwice) {
  EXPECT_TRUE(throws_data_error([&] { unpack({{"set/a", "one"}, {"set/a", "two"}}); }, {"set/a"}));
  EXPECT_TRUE(folder_.is_empty());
}

TEST_F(Unpack, RefusesAnEmptyArchive) {
  EXPECT_TRUE(refuses({}, {"set/"}));
  EXPECT_TRUE(folder_.is_empty());
}

TEST_F(Unpack, RefusesAFileInPlaceOfTheFolder) {
  EXPECT_TRUE(refuses({{"set", "a file"}}, {"expected a folder set/"}));
  EXPECT_TRUE(folder_.is_empty());
}

TEST_F(Unpack, RefusesATruncatedArchive) {
  const Bytes noise = noise_bytes(200'000, 1);
  write_tar_gz(archive_, {{"set/a", "first"}, {"set/b", std::string(noise.begin(), noise.end())}});
  fs::resize_file(archive_, fs::file_size(archive_) / 2);
  EXPECT_TRUE(
      throws_data_error([&] { unpack_tar_gz(archive_, destination_); }, {archive_.string(), "truncated or corrupt"}));
  EXPECT_TRUE(folder_.is_empty());
}

TEST_F(Unpack, RefusesWhatIsNoArchive) {
  write_bytes(archive_, noise_bytes(5000, 2));
  EXPECT_TRUE(
      throws_data_error([&] { unpack_tar_gz(archive_, destination_); }, {archive_.string(), "truncated or corrupt"}));
  EXPECT_TRUE(folder_.is_empty());
}

TEST_F(Unpack, RefusesMoreThanTheLimit) {
  write_tar_gz(archive_, {{"set/a", std::string(1'000'000, 'a')}});
  EXPECT_TRUE(throws_data_error(
      [&] { unpack_tar_gz(archive_, destination_, 999'999); }, {archive_.string(), "at most 999999"}));
  EXPECT_TRUE(folder_.is_empty());
}

TEST_F(Unpack, LeavesAnExistingFolderAlone) {
  write_text(destination_ / "mine", "precious");
  EXPECT_TRUE(throws_data_error([&] { unpack(good_); }, {destination_.string(), "exists already"}));
  EXPECT_FALSE(fs::exists(destination_ / "a"));
  EXPECT_TRUE(fs::exists(destination_ / "mine"));
}

TEST_F(Unpack, GivingUpLeavesNothing) {
  struct Stop {};
  write_tar_gz(archive_, good_);
  const auto stop_at_second = [](const std::string& path) {
    if (path == "set/inner/b")
      throw Stop();
  };
  EXPECT_THROW(unpack_tar_gz(archive_, destination_, 1 << 20, stop_at_second), Stop);
  EXPECT_TRUE(folder_.is_empty());
}

TEST_F(Unpack, BeingKilledLeavesNoHalfFolderAndTheNextTryIsWhole) {
  write_tar_gz(archive_, good_);
  const pid_t child = fork();
  if (child == 0) {
    unpack_tar_gz(archive_, destination_, 1 << 20, [](const std::string& path) {
      if (path == "set/inner/b")
        raise(SIGKILL);
    });
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(fs::exists(destination_));
  EXPECT_FALSE(folder_.is_empty());  // the temporary folder

  unpack_tar_gz(archive_, destination_);
  EXPECT_TRUE(fs::exists(destination_ / "inner/b"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()), 1);
}

TEST_F(Unpack, RefusesEntriesWithoutEnd) {
  std::vector<TarEntry> entries;
  for (int i = 0; i < 1001; ++i)
    entries.push_back({"set/" + std::to_string(i), "", Kind::folder});
  EXPECT_TRUE(refuses(entries, {"1000 entries"}));
  EXPECT_FALSE(fs::exists(destination_));
}

}  // namespace
}  // namespace proxprop::train::testing
